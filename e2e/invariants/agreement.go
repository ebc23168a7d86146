package invariants

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
)

// Disagreement is what is different between an upstream pod and its downstream pods.
type Disagreement struct {
	// Objects and What are as in Violation.
	Objects []string
	What    string
	// Since is when the pod was last seen to agree, or first seen at all. What is
	// different may have changed since.
	Since time.Time
}

// Violation is what the disagreement is when it lasts too long.
func (d Disagreement) Violation(at time.Time) Violation {
	return Violation{Agreement, d.Objects, fmt.Sprintf("%s, for %.1f s", d.What, at.Sub(d.Since).Seconds()), at}
}

// Compare looks at all pods as they are now. It has to be called often: a pod that
// agrees between two calls is not noticed.
func (l *Ledger) Compare(at time.Time) {
	now := map[types.UID]Disagreement{}
	note := func(above types.UID, what string, objects ...string) {
		since := at
		if was, known := l.disagreeing[above]; known {
			since = was.Since
		}
		now[above] = Disagreement{objects, what, since}
	}
	for uid, up := range l.above {
		if up.gone {
			continue
		}
		below := l.present(uid)
		names := []string{describe(l.scope.Upstream, up.Pod)}
		for _, down := range below {
			names = append(names, down.String())
		}
		if what := l.difference(up.Pod, below); what != "" {
			note(uid, what, names...)
		}
	}
	for _, down := range l.below {
		if up := l.above[down.above]; !down.gone && (up == nil || up.gone) {
			note(down.above, "has no upstream pod", down.String())
		}
	}
	l.disagreeing = now
}

// Disagreeing are all disagreements as of the last Compare that began before a time,
// the oldest first.
func (l *Ledger) Disagreeing(before time.Time) []Disagreement {
	old := slices.DeleteFunc(slices.Collect(maps.Values(l.disagreeing)), func(d Disagreement) bool { return !d.Since.Before(before) })
	slices.SortFunc(old, func(a, b Disagreement) int {
		return cmp.Or(a.Since.Compare(b.Since), slices.Compare(a.Objects, b.Objects))
	})
	return old
}

// present are the downstream pods of an upstream pod that there are.
func (l *Ledger) present(above types.UID) []*downstreamPod {
	return slices.DeleteFunc(slices.Clone(l.belowOf[above]), func(d *downstreamPod) bool { return d.gone })
}

// difference says what is different, or nothing. A pod that ended needs no
// downstream pod any more. One that is being deleted in both clusters is the
// downstream kubelet's affair; in one only, it has to be gone soon.
func (l *Ledger) difference(up *corev1.Pod, below []*downstreamPod) string {
	switch {
	case up.DeletionTimestamp != nil && len(below) == 1 && below[0].DeletionTimestamp != nil:
		return ""
	case up.DeletionTimestamp != nil:
		return fmt.Sprintf("is being deleted upstream, with %d downstream pods", len(below))
	case len(below) == 0 && finished(up):
		return ""
	case len(below) != 1:
		return fmt.Sprintf("has %d downstream pods, want one", len(below))
	case below[0].cluster != l.scope.Nodes[up.Spec.NodeName]:
		return fmt.Sprintf("is on node %s upstream, and downstream in cluster %s", up.Spec.NodeName, below[0].cluster)
	}
	return statusDifference(up.Status, below[0].Status)
}

func statusDifference(up, down corev1.PodStatus) string {
	if up.Phase != down.Phase {
		return fmt.Sprintf("is %s upstream and %s downstream", up.Phase, down.Phase)
	}
	if a, b := ready(up), ready(down); a != b {
		return fmt.Sprintf("has readiness %q upstream and %q downstream", a, b)
	}
	if up.StartTime == nil && down.StartTime == nil {
		return "" // nobody but Spillway has said anything of containers
	}
	above := statuses(up)
	for name, b := range statuses(down) {
		a, known := above[name]
		if !known {
			return fmt.Sprintf("says nothing of container %s upstream", name)
		}
		if a.ContainerID != b.ContainerID || a.RestartCount != b.RestartCount || a.Ready != b.Ready ||
			a.Image != b.Image || !apiequality.Semantic.DeepEqual(a.State, b.State) {
			return fmt.Sprintf("has container %s %s upstream and %s downstream", name, summary(a), summary(b))
		}
	}
	return ""
}

func ready(status corev1.PodStatus) corev1.ConditionStatus {
	for _, condition := range status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status
		}
	}
	return ""
}

func statuses(status corev1.PodStatus) map[string]corev1.ContainerStatus {
	byName := map[string]corev1.ContainerStatus{}
	for _, s := range slices.Concat(status.InitContainerStatuses, status.ContainerStatuses) {
		byName[s.Name] = s
	}
	return byName
}

func summary(s corev1.ContainerStatus) string {
	state := "without a state"
	switch {
	case s.State.Running != nil:
		state = "running"
	case s.State.Terminated != nil:
		state = fmt.Sprintf("terminated with %d", s.State.Terminated.ExitCode)
	case s.State.Waiting != nil:
		state = "waiting: " + s.State.Waiting.Reason
	}
	return fmt.Sprintf("%s (id %.20s, restartCount %d, ready %t, image %s)", state, s.ContainerID, s.RestartCount, s.Ready, s.Image)
}
