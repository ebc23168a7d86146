package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// workload explains a workload by the next pod that it creates and by those it has.
func (w world) workload() Explanation {
	e := Explanation{Found: true}
	own := w.ownPods()
	e.Pods = w.distribution(own)
	pod := w.nextPod()
	if pod == nil {
		e.Summary = "its pod template cannot be read"
		return e
	}
	optIn, advice := w.optIn(pod, false)
	e.OptIn, e.Advice = &optIn, advice
	if optIn.Handled {
		w.handledWorkload(&e, pod, own)
	}
	if e.Pods.Wanted == nil || e.Pods.Total < *e.Pods.Wanted {
		e.Advice = append(e.Advice, w.refusals()...)
	}
	e.Advice = append(e.Advice, troubleAdvice(e.Pods, w.namespace.Name)...)
	e.Summary = summaryOf(e)
	return e
}

func (w world) handledWorkload(e *Explanation, pod *corev1.Pod, own []*corev1.Pod) {
	next := w.admit(pod)
	e.NextPod = nextOf(next)
	var more []Advice
	e.Spread, more = w.spreadSection(nil, labelled(pod).Labels, next)
	e.Advice = append(e.Advice, more...)
	e.Stash = w.stashOfNext(next.outcome.Pod)
	e.Sidecars, more = w.sidecarSection(pod, false, next)
	e.Advice = append(e.Advice, more...)
	e.Advice = append(e.Advice, w.nextAdvice(next)...)
	untouched := 0
	for _, pod := range own {
		if spread.IsActive(pod) && !isTouched(pod) && (e.Spread == nil || e.Spread.NextSubset != "") {
			untouched++
		}
	}
	if root, known := w.root(); untouched > 0 && known {
		e.Advice = append(e.Advice, Advice{
			Severity: Warning, Cause: fmt.Sprintf("of %[2]d pods, %[1]d without a mark of Spillway, which were created before the label was there, while the webhook did not answer, or when no subset had room", untouched, len(own)),
			Do: []string{w.restart(root)},
		})
	}
}

// refusals are events that say why no pods come.
func (w world) refusals() []Advice {
	for _, e := range w.events() {
		if e.Warning && e.Reason == "FailedCreate" {
			return []Advice{{
				Severity: Warning, Cause: fmt.Sprintf("pods were refused %s ago: %s", duration.HumanDuration(w.Now.Sub(e.Last)), e.Message),
				Do: []string{"correct what the message names; the controller tries again by itself"},
			}}
		}
	}
	return nil
}

func summaryOf(e Explanation) string {
	head := "its pods are handled by Spillway"
	switch {
	case e.OptIn.Reason == namespaceUnknown:
		head = "whether its pods are handled by Spillway is not known"
	case !e.OptIn.Handled:
		head = fmt.Sprintf("its pods are left alone by Spillway (%s)", e.OptIn.Reason)
	}
	if e.NextPod != nil && e.NextPod.Denied != "" {
		head = "its new pods are denied"
	}
	count := fmt.Sprintf("%d pods, %d running, %d ready", e.Pods.Total, e.Pods.Running, e.Pods.Ready)
	if e.Pods.Wanted != nil {
		count = fmt.Sprintf("%d of %d pods, %d running, %d ready", e.Pods.Total, *e.Pods.Wanted, e.Pods.Running, e.Pods.Ready)
	}
	return head + "; " + count
}

// ownPods are the active pods of the workload, directly or through others.
func (w world) ownPods() []*corev1.Pod {
	mine := map[types.UID]bool{w.Owners[0].GetUID(): true}
	for i := range w.ReplicaSets {
		if owner, controlled := spread.ControllerOf(&w.ReplicaSets[i]); controlled && mine[owner.UID] {
			mine[w.ReplicaSets[i].UID] = true
		}
	}
	var pods []*corev1.Pod
	for i := range w.Pods {
		pod := &w.Pods[i]
		if owner, controlled := spread.ControllerOf(pod); controlled && mine[owner.UID] {
			pods = append(pods, pod)
		}
	}
	return pods
}

// distribution counts pods by subset and node, and by what is wrong with them.
func (w world) distribution(pods []*corev1.Pod) *Pods {
	result := &Pods{Total: len(pods), Rows: []Row{}, Wanted: wanted(&w.Owners[0])}
	type place struct{ subset, node string }
	rows := map[place]*Row{}
	for _, pod := range pods {
		match, _ := spread.MatchOf(pod)
		at := place{match.Subset, cmp.Or(pod.Spec.NodeName, "(none)")}
		if below := pod.Annotations[api.DownstreamNodeAnnotation]; below != "" {
			at.node += " > " + below
		}
		if rows[at] == nil {
			rows[at] = &Row{Subset: at.subset, Node: at.node}
		}
		rows[at].Pods++
		if ready := conditionOf(pod, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
			rows[at].Ready++
			result.Ready++
		}
		if pod.Status.Phase == corev1.PodRunning {
			result.Running++
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(rows), func(a, b place) int { return cmp.Or(cmp.Compare(a.subset, b.subset), cmp.Compare(a.node, b.node)) }) {
		result.Rows = append(result.Rows, *rows[at])
	}
	result.Troubles = troublesOf(pods)
	return result
}

// troublesOf groups the pods that do not run by the reason.
func troublesOf(pods []*corev1.Pod) []Trouble {
	byReason := map[string]*Trouble{}
	for _, pod := range pods {
		reason, message := waits(pod)
		if reason == "" && pod.Status.Phase != corev1.PodPending && pod.Status.Phase != corev1.PodFailed {
			continue
		}
		reason = cmp.Or(reason, phaseOf(pod))
		if byReason[reason] == nil {
			byReason[reason] = &Trouble{Reason: reason, Example: pod.Name, Message: message}
		}
		byReason[reason].Pods++
	}
	var troubles []Trouble
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		troubles = append(troubles, *byReason[reason])
	}
	slices.SortStableFunc(troubles, func(a, b Trouble) int { return cmp.Compare(b.Pods, a.Pods) })
	return troubles
}

func wanted(workload *unstructured.Unstructured) *int {
	for _, field := range []string{"replicas", "parallelism"} {
		if n, found, err := unstructured.NestedInt64(workload.Object, "spec", field); found && err == nil {
			return new(int(n))
		}
	}
	return nil
}

func troubleAdvice(pods *Pods, namespace string) []Advice {
	var advice []Advice
	for _, t := range pods.Troubles {
		advice = append(advice, Advice{
			Severity: Warning, Cause: fmt.Sprintf("not running by %s: %d, such as %s", t.Reason, t.Pods, strings.TrimSuffix(t.Example+": "+t.Message, ": ")),
			Do: []string{fmt.Sprintf("spillway explain -n %s pod %s", namespace, t.Example)},
		})
	}
	return advice
}
