package admission

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// said is what tests compare of an outcome: severity and cause of each finding, and
// "unseen" for what could not be looked at. Nothing may lack a text or a fix.
func said(t *testing.T, o finding.Outcome) []string {
	t.Helper()
	var all []string
	for _, f := range o.Findings {
		if f.Text == "" || f.Fix == "" || f.Object == "" {
			t.Errorf("it does not say all: %+v", f)
		}
		all = append(all, string(f.Severity)+" "+f.Cause)
	}
	for _, u := range o.Unseen {
		if u.What == "" || u.Why == "" || u.Fix == "" {
			t.Errorf("it does not say all: %+v", u)
		}
		all = append(all, "unseen")
	}
	return all
}

// hook is a configuration with one webhook on pods.
func hook(configuration, name string, change func(*admissionregistrationv1.MutatingWebhook)) admissionregistrationv1.MutatingWebhookConfiguration {
	w := admissionregistrationv1.MutatingWebhook{
		Name: name, FailurePolicy: new(admissionregistrationv1.Fail), ReinvocationPolicy: new(admissionregistrationv1.IfNeededReinvocationPolicy),
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
	}
	if change != nil {
		change(&w)
	}
	return admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: configuration}, Webhooks: []admissionregistrationv1.MutatingWebhook{w}}
}

type configurations = []admissionregistrationv1.MutatingWebhookConfiguration

func answered(change func(*corev1.Pod)) *corev1.Pod {
	pod := trialPod()
	pod.Spec.NodeSelector = nil
	pod.Annotations = map[string]string{"clusterSelector": "{}", "spillway.io/stash": "v1:sha256:0"}
	pod.Spec.Tolerations = []corev1.Toleration{{Key: "virtual-kubelet.io/provider"}}
	change(pod)
	return pod
}

func TestJudgeTrial(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	internal := func(text string) error { return apierrors.NewInternalError(errors.New(text)) }
	for name, tc := range map[string]struct {
		reason   string
		answer   *corev1.Pod
		err      error
		mutating configurations
		want     []string
		text     string
	}{
		"admitted":  {reason: "a pod with the marks went through Spillway", answer: answered(func(*corev1.Pod) {})},
		"not-asked": {reason: "a pod without a trace did not", answer: trialPod(), want: []string{"error not-asked"}, text: "no webhook of Spillway for pods is registered"},
		"ignored": {
			reason: "with failurePolicy Ignore API servers say nothing", answer: trialPod(),
			mutating: configurations{hook("spillway", "labelled-pods.spillway.io", func(w *admissionregistrationv1.MutatingWebhook) {
				w.FailurePolicy = new(admissionregistrationv1.Ignore)
			})},
			want: []string{"error not-asked"}, text: "failurePolicy Ignore",
		},
		"unmarked": {reason: "somebody took the stash away", answer: answered(func(p *corev1.Pod) { p.Annotations = nil }), want: []string{"error no-stash"}},
		"comes-back": {
			reason: "somebody put the node selector back",
			answer: answered(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{trialLabel: "trial"} }), want: []string{"warning constraints-come-back"},
		},
		"wrong-ca": {
			reason: "the cause is in what the API server says",
			err:    internal(`failed calling webhook "labelled-pods.spillway.io": failed to call webhook: Post "https://x": tls: failed to verify certificate: x509: certificate signed by unknown authority`),
			want:   []string{"error wrong-ca"}, text: "signed by unknown authority",
		},
		"no-endpoints": {reason: "so is this", err: internal(`failed calling webhook "labelled-pods.spillway.io": failed to call webhook: Post "https://x": no endpoints available for service "hook"`), want: []string{"error no-endpoints"}},
		"timeout":      {reason: "and this", err: internal(`failed calling webhook "labelled-pods.spillway.io": failed to call webhook: Post "https://x": context deadline exceeded`), want: []string{"error timeout"}},
		"of-others":    {reason: "it may be somebody else's", err: internal(`failed calling webhook "x.example.com": failed to call webhook: Post "https://x": connection refused`), want: []string{"error refused"}, text: "not Spillway's"},
		"denied":       {reason: "a rule of others", err: apierrors.NewForbidden(pods, "", errors.New(`admission webhook "x.example.com" denied the request: no`)), want: []string{"warning denied"}},
		"quota":        {reason: "quotas say nothing about webhooks", err: apierrors.NewForbidden(pods, "x", errors.New("exceeded quota: few")), want: []string{"unseen"}},
		"no-dry-run":   {reason: "webhooks with side effects are not tried", err: apierrors.NewBadRequest(`admission webhook "x.example.com" does not support dry run`), want: []string{"unseen"}},
		"no-right":     {reason: "who may not create pods cannot try", err: apierrors.NewForbidden(pods, "", errors.New(`User "u" cannot create resource "pods"`)), want: []string{"unseen"}},
		"no-namespace": {reason: "nor where there is no namespace", err: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "x"), want: []string{"unseen"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := JudgeTrial(Trial{Namespace: "default", Answer: tc.answer, Err: tc.err, Mutating: tc.mutating, Again: "again"})
			if diff := cmp.Diff(tc.want, said(t, o)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if tc.text != "" && !strings.Contains(o.Findings[0].Text, tc.text) {
				t.Errorf("%s: it says %q, want %q", tc.reason, o.Findings[0].Text, tc.text)
			}
		})
	}
}

func TestJudgeOthers(t *testing.T) {
	ours := hook("m", "labelled-pods.spillway.io", nil)
	never := hook("m", "labelled-pods.spillway.io", func(w *admissionregistrationv1.MutatingWebhook) { w.ReinvocationPolicy = nil })
	elsewhere := hook("z", "z.example.com", func(w *admissionregistrationv1.MutatingWebhook) { w.Rules[0].Resources = []string{"services"} })
	labelled := hook("a", "a.example.com", func(w *admissionregistrationv1.MutatingWebhook) {
		w.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"inject": "yes"}}
	})
	dead := map[string]string{"a/a.example.com": "no endpoint"}
	for name, tc := range map[string]struct {
		reason   string
		mutating configurations
		want     []string
	}{
		"alone":               {"nobody else", configurations{ours, elsewhere}, nil},
		"before":              {"who comes first does no harm", configurations{ours, hook("a", "ok.example.com", nil)}, nil},
		"before-dead":         {"unless nobody answers for it", configurations{ours, hook("a", "a.example.com", nil)}, []string{"warning other-without-endpoints"}},
		"before-dead-of-some": {"and it is asked about such pods", configurations{ours, labelled}, nil},
		"after":               {"Spillway is asked again", configurations{hook("n", "n.example.com", nil), ours}, []string{"note others-later"}},
		"after-for-good":      {"Spillway is not asked again", configurations{hook("n", "n.example.com", nil), never}, []string{"warning others-later"}},
		"without-us":          {"there is no before and after", configurations{hook("n", "n.example.com", nil)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, said(t, JudgeOthers(tc.mutating, dead))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestJudgeKruise(t *testing.T) {
	manager := []appsv1.Deployment{{ObjectMeta: metav1.ObjectMeta{Namespace: "kruise-system", Name: "kruise-controller-manager"}, Status: appsv1.DeploymentStatus{Replicas: 2, ReadyReplicas: 1}}}
	serving := configurations{hook("kruise-mutating-webhook-configuration", "mws.kb.io", func(w *admissionregistrationv1.MutatingWebhook) {
		w.Rules[0].APIGroups, w.Rules[0].Resources = []string{"apps.kruise.io"}, []string{"workloadspreads"}
	})}
	for name, tc := range map[string]struct {
		reason   string
		mutating configurations
		managers []appsv1.Deployment
		unknown  bool
		want     []string
		text     string
	}{
		"absent":             {reason: "Spillway alone", mutating: configurations{hook("spillway", "labelled-pods.spillway.io", nil)}},
		"absent-unknown":     {reason: "without webhooks nobody stands back, whatever Deployments there are", unknown: true},
		"both":               {reason: "two, and who does what", mutating: serving, managers: manager, want: []string{"note kruise"}, text: "Both place pods"},
		"both-unknown":       {reason: "who may not list Deployments is not told that the controller does not run", mutating: serving, unknown: true, want: []string{"note kruise"}, text: "serves policies, too"},
		"without-controller": {reason: "Spillway stands back for nobody, but not with WorkloadSpreads", mutating: serving, want: []string{"warning kruise-without-controller"}, text: "WorkloadSpreads go on by Spillway"},
		"without-webhooks":   {reason: "both do the same", managers: manager, want: []string{"warning kruise-without-webhooks"}, text: "does not stand back"},
	} {
		t.Run(name, func(t *testing.T) {
			p := presence(tc.mutating, nil, tc.managers)
			p.Unknown = tc.unknown
			o := JudgeKruise(p)
			if diff := cmp.Diff(tc.want, said(t, o)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if tc.text != "" && !strings.Contains(o.Findings[0].Text, tc.text) {
				t.Errorf("%s: it says %q, want %q", tc.reason, o.Findings[0].Text, tc.text)
			}
		})
	}
}
