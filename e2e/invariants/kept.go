package invariants

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// doubt is a violation if the pod uid in cluster proves is still what held then, as
// a list says that was asked for after it came up.
type doubt struct {
	Violation
	key     string
	cluster string
	uid     types.UID
	holds   func(*corev1.Pod) bool
}

// judgeKept doubts whether a downstream pod may go. The upstream pod, as it is known
// here, may be behind: that a list has to say.
func (l *Ledger) judgeKept(down *downstreamPod, at time.Time) {
	what := "was asked to go"
	switch {
	case down.leaving:
		return
	case down.gone:
		what = "went"
	case down.DeletionTimestamp == nil:
		return
	}
	down.leaving = true
	if up := l.above[down.above]; up != nil && (up.gone || !lives(up.Pod)) {
		return
	}
	l.doubts = append(l.doubts, doubt{
		Violation: Violation{
			Kept,
			[]string{down.String()},
			fmt.Sprintf("%s, in phase %s, while its upstream pod %s lived", what, down.Status.Phase, down.above), at,
		},
		key: string(down.UID), cluster: l.scope.Upstream, uid: down.above, holds: wanted,
	})
}

// wanted says whether a pod lives, or has failed since it was in doubt: a virtual node
// that finds its downstream pod gone has it fail at once, sooner than anybody lists.
func wanted(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded
}

// Doubts are the clusters that have to be listed for what is in doubt, see Confirms.
func (l *Ledger) Doubts() []string {
	var clusters []string
	for _, d := range l.doubts {
		if !slices.Contains(clusters, d.cluster) {
			clusters = append(clusters, d.cluster)
		}
	}
	return clusters
}

// Confirms is told of all pods of a cluster, by a list that was asked for at that
// time and no cache answered. It settles what was in doubt before that.
func (l *Ledger) Confirms(cluster string, pods []corev1.Pod, asked time.Time) {
	there := make(map[types.UID]*corev1.Pod, len(pods))
	for i := range pods {
		there[pods[i].UID] = &pods[i]
	}
	l.doubts = slices.DeleteFunc(l.doubts, func(d doubt) bool {
		if d.cluster != cluster || !asked.After(d.At) {
			return false
		}
		if pod := there[d.uid]; pod != nil && d.holds(pod) {
			l.violate(d.Violation, d.key)
		}
		return true
	})
}
