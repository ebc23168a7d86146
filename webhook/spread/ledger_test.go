package spread_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// ledgerOption changes one thing about a ledger.
type ledgerOption func(*spread.Ledger)

// ledgerOf is a ledger at noon of the WorkloadSpread "ws" with subsets such as
// "a=2 b=50% c", on the Deployment "web" of 10 replicas.
func ledgerOf(subsets string, options ...ledgerOption) spread.Ledger {
	l := spread.Ledger{
		Spread: &v1alpha1.WorkloadSpread{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ws", UID: "ws"},
			Spec: v1alpha1.WorkloadSpreadSpec{
				TargetReference: &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
				ScheduleStrategy: v1alpha1.WorkloadSpreadScheduleStrategy{
					Type:     v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType,
					Adaptive: &v1alpha1.AdaptiveWorkloadSpreadStrategy{RescheduleCriticalSeconds: new(int32(30))},
				},
			},
		},
		Target: spread.Target{Replicas: new(int32(10))},
		Now:    noon(),
	}
	for subset := range strings.FieldsSeq(subsets) {
		name, most, capped := strings.Cut(subset, "=")
		s := v1alpha1.WorkloadSpreadSubset{Name: name}
		if capped {
			s.MaxReplicas = new(intstr.Parse(most))
		}
		l.Spread.Spec.Subsets = append(l.Spread.Spec.Subsets, s)
	}
	for _, option := range options {
		option(&l)
	}
	return l
}

// targeting makes another kind the target.
func targeting(apiVersion, kind string) ledgerOption {
	return func(l *spread.Ledger) {
		l.Spread.Spec.TargetReference.APIVersion, l.Spread.Spec.TargetReference.Kind = apiVersion, kind
	}
}

// has adds n pods of version v1 that run in a subset, called subset-0 and so on.
func has(n int, subset string, changes ...func(*corev1.Pod)) ledgerOption {
	return func(l *spread.Ledger) {
		for i := range n {
			name := fmt.Sprintf("%s-%d", subset, i)
			pod := podV1(name)
			pod.Annotations = map[string]string{api.MatchedWorkloadSpreadAnnotation: fmt.Sprintf(`{"name":"ws","subset":%q,"uid":"uid-of-%s"}`, subset, name)}
			pod.Spec.NodeName = "node"
			pod.Status.Phase = corev1.PodRunning
			for _, change := range changes {
				change(pod)
			}
			l.Pods = append(l.Pods, pod)
		}
	}
}

func podV1(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-template-hash": "v1"}}}
}

// holds adds reservations of version v1, made some seconds before noon.
func holds(subset string, secondsAgo int, keys ...string) ledgerOption {
	return func(l *spread.Ledger) {
		if l.Spread.Status.VersionedSubsetStatuses == nil {
			l.Spread.Status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{}
		}
		status := v1alpha1.WorkloadSpreadSubsetStatus{Name: subset, CreatingPods: map[string]metav1.Time{}}
		for _, key := range keys {
			status.CreatingPods[key] = metav1.NewTime(l.Now.Add(-time.Duration(secondsAgo) * time.Second))
		}
		l.Spread.Status.VersionedSubsetStatuses["v1"] = append(l.Spread.Status.VersionedSubsetStatuses["v1"], status)
	}
}

// is gives a subset its condition Schedulable.
func is(subset string, status corev1.ConditionStatus) ledgerOption {
	return func(l *spread.Ledger) {
		l.Spread.Status.SubsetStatuses = append(l.Spread.Status.SubsetStatuses, v1alpha1.WorkloadSpreadSubsetStatus{
			Name: subset, Conditions: []v1alpha1.WorkloadSpreadSubsetCondition{{Type: v1alpha1.SubsetSchedulable, Status: status, Message: "0/3 nodes are available", LastTransitionTime: at(-5)}},
		})
	}
}

func wants(n int) ledgerOption {
	return func(l *spread.Ledger) { l.Wanted = map[string]int{"v1": n} }
}

func live(l *spread.Ledger) { l.Live = true }

func terminating(pod *corev1.Pod) { pod.DeletionTimestamp = new(metav1.NewTime(noon())) }

func finished(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }

func unscheduled(pod *corev1.Pod) { pod.Spec.NodeName, pod.Status.Phase = "", corev1.PodPending }

// asks are n requests of nameless pods of version v1.
func asks(n int) []spread.Request {
	requests := make([]spread.Request, n)
	for i := range requests {
		requests[i] = spread.Request{Pod: podV1(""), UID: fmt.Sprintf("new-%d", i)}
	}
	return requests
}

// named is a request of a pod with a name.
func named(name string) spread.Request { return spread.Request{Pod: podV1(name)} }

// claiming is a request of a nameless pod that carries the matched annotation.
func claiming(annotation string) spread.Request { return marked(asks(1)[0], annotation) }

// summary is what was chosen, as "a a b -", "?" for Stale.
func summary(c spread.Choices) string {
	if c.Stale {
		return "?"
	}
	var names []string
	for _, d := range c.Decisions {
		name := "-"
		if d.Subset != nil {
			name = d.Subset.Name
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// heldInA are the keys that a status holds for subset a of version v1.
func heldInA(status *v1alpha1.WorkloadSpreadStatus) map[string]bool {
	keys := map[string]bool{}
	if status == nil {
		return keys
	}
	for _, s := range status.VersionedSubsetStatuses["v1"] {
		for key := range s.CreatingPods {
			if s.Name == "a" {
				keys[key] = true
			}
		}
	}
	return keys
}

func marked(r spread.Request, annotation string) spread.Request {
	r.Pod.Annotations = map[string]string{api.MatchedWorkloadSpreadAnnotation: annotation}
	return r
}

func borne(annotation string) spread.Request {
	r := claiming(annotation)
	r.Borne = true
	return r
}

func dryRun() spread.Request {
	r := asks(1)[0]
	r.DryRun = true
	return r
}

func frozen(l *spread.Ledger) { l.Frozen = true }

func fixed(l *spread.Ledger) {
	l.Spread.Spec.ScheduleStrategy = v1alpha1.WorkloadSpreadScheduleStrategy{}
}

func baseUnknown(l *spread.Ledger) { l.Target.Replicas = nil }

func gone(key string) ledgerOption {
	return func(l *spread.Ledger) { l.Gone = map[string]time.Time{key: l.Now} }
}

func ofVersion(version string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels["pod-template-hash"] = version }
}

func ofSpread(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Annotations[api.MatchedWorkloadSpreadAnnotation] = fmt.Sprintf(`{"name":%q,"subset":"a"}`, name)
	}
}

// unstamped is the annotation of a pod that had its name at admission.
func unstamped(pod *corev1.Pod) {
	pod.Annotations[api.MatchedWorkloadSpreadAnnotation] = `{"name":"ws","subset":"a"}`
}

// goneBefore is a pod that is gone, created some seconds before noon.
func goneBefore(key string, seconds int) ledgerOption {
	return func(l *spread.Ledger) {
		l.Gone = map[string]time.Time{key: l.Now.Add(-time.Duration(seconds) * time.Second)}
	}
}

func decidedLately(n int) ledgerOption {
	return func(l *spread.Ledger) { l.Lately = map[string]int{"v1": n} }
}

func young(pod *corev1.Pod) { pod.CreationTimestamp = at(-1) }

func old(pod *corev1.Pod) { pod.CreationTimestamp = at(-60) }
