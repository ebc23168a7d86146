package invariants

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// inFlight is how long before an API server ends it may have taken up a request that
// it carries out and does not answer. Creation timestamps are whole seconds.
const inFlight = 2 * time.Second

// outage is a time in which the upstream API server, or its etcd, was away.
type outage struct{ from, to time.Time }

// Interrupts is told of an outage, before the scenario makes it.
func (l *Ledger) Interrupts(at time.Time) {
	l.outages = append(l.outages, outage{from: at.Add(-inFlight)})
}

// Answers is told that the outage is over.
func (l *Ledger) Answers(at time.Time) { l.outages[len(l.outages)-1].to = at }

// pairs says whether a Job's controller made the pod, or one of those that were seen
// for its index before, without knowing of the other: an outage began before it was
// told that it had made the first, so it made a second when it was over. It deletes
// one as soon as it sees both. Kubernetes says of Jobs that a program "may sometimes
// be started twice". Whose first pod failed or was deleted has another reason to make
// a second, and that is judged.
func (l *Ledger) pairs(pod *corev1.Pod, seen map[types.UID]string) bool {
	for uid := range seen {
		other := l.above[uid]
		first := other.Pod
		if pod.CreationTimestamp.Before(&first.CreationTimestamp) {
			first = pod
		}
		if !other.gone && lives(other.Pod) && l.unanswered(first) {
			return true
		}
	}
	return false
}

// unanswered says whether the request that made a pod may never have been answered.
func (l *Ledger) unanswered(pod *corev1.Pod) bool {
	made := pod.CreationTimestamp.Time
	for _, o := range l.outages {
		if !made.Before(o.from) && (o.to.IsZero() || made.Before(o.to)) {
			return true
		}
	}
	return false
}

// paired says whether a pod is one of a pair, so that its controller may delete it.
func (l *Ledger) paired(pod *corev1.Pod) bool {
	key, indexed := indexOf(pod)
	return indexed && l.indexes[key] != nil && l.indexes[key].most > 1
}
