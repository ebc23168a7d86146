package admission

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// trialLabel on the pod that is tried says what it is, and as its node selector is
// a requirement that no node meets and that Spillway takes out.
const trialLabel = "spillway.io/doctor"

// trialPod opts in, has something to stash, and is what strict namespaces take: Pod
// Security "restricted", and quotas that want requests and limits.
func trialPod() *corev1.Pod {
	few := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("1Mi")}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "spillway-doctor-",
			Labels:       map[string]string{api.OptInLabel: api.OptedIn, trialLabel: "trial"},
		},
		Spec: corev1.PodSpec{
			NodeSelector:                 map[string]string{trialLabel: "trial"},
			AutomountServiceAccountToken: new(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), RunAsUser: new(int64(65532)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "none", Image: "none",
				Resources: corev1.ResourceRequirements{Requests: few, Limits: few},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

// Trial is what was tried, and what came of it.
type Trial struct {
	// Namespace is where.
	Namespace string
	// Answer is the pod as it would be created; nil with Err.
	Answer *corev1.Pod
	Err    error
	// Mutating are the webhooks that are registered.
	Mutating []admissionregistrationv1.MutatingWebhookConfiguration
	// Again is the command that does the same by hand.
	Again string
}

// JudgeTrial says what the answer shows.
func JudgeTrial(t Trial) finding.Outcome {
	if t.Err != nil {
		return refused(t)
	}
	var o finding.Outcome
	object := "pods in namespace " + t.Namespace
	tolerates := slices.ContainsFunc(t.Answer.Spec.Tolerations, func(x corev1.Toleration) bool { return x.Key == api.ProviderTaintKey })
	marked := t.Answer.Annotations[api.StashMarkerAnnotation] != "" && t.Answer.Annotations[api.StashAnnotation] != ""
	_, kept := t.Answer.Spec.NodeSelector[trialLabel]
	switch {
	case !marked && !tolerates:
		o.Add(finding.Finding{
			Severity: finding.Error, Object: object, Cause: "not-asked",
			Text: "a pod that opts in comes out of the API server as it went in: Spillway was not asked, or did not answer" + lenient(t.Mutating),
			Fix:  notAskedFix(t),
		})
	case !marked:
		o.Add(finding.Finding{
			Severity: finding.Error, Object: object, Cause: "no-stash",
			Text: "a pod that opts in comes out of the API server without the annotation " + api.StashMarkerAnnotation + ": its scheduling constraints would be lost downstream",
			Fix:  "find the webhook that takes annotations away: spillway doctor --check webhooks",
		})
	case kept:
		o.Add(finding.Finding{
			Severity: finding.Warning, Object: object, Cause: "constraints-come-back",
			Text: "somebody puts a pod's node selector back after Spillway has taken it out: no virtual node will fit such pods",
			Fix:  "find the webhook that writes scheduling fields: spillway doctor --check webhooks",
		})
	default:
		o.Fact("a pod that opts in in namespace %s is admitted by Spillway (dry run)", t.Namespace)
	}
	return o
}

// lenient says that nothing need have been told of an unreachable webhook.
func lenient(configurations []admissionregistrationv1.MutatingWebhookConfiguration) string {
	entries := podEntries(configurations)
	ours := slices.DeleteFunc(entries, func(e entry) bool { return !e.ours() })
	switch {
	case len(ours) == 0:
		return "; no webhook of Spillway for pods is registered"
	case !slices.ContainsFunc(ours, entry.strict):
		return "; its webhooks have failurePolicy Ignore, so API servers go on without them"
	default:
		return ""
	}
}

func notAskedFix(t Trial) string {
	for i := range t.Mutating {
		for j := range t.Mutating[i].Webhooks {
			e := entry{configuration: t.Mutating[i].Name, webhook: &t.Mutating[i].Webhooks[j]}
			if e.ours() && e.aboutPods() {
				return fmt.Sprintf("kubectl get mutatingwebhookconfiguration %s -o yaml: compare its selectors with the labels of namespace %s; and spillway doctor --check certificates", t.Mutating[i].Name, t.Namespace)
			}
		}
	}
	return "install the chart, or start spillway webhook with --register"
}
