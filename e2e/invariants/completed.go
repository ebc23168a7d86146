package invariants

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// indexKey is one completion index of a Job.
type indexKey struct {
	job   types.UID
	index string
}

// index is the upstream pods that were seen, that were started, and that succeeded,
// for an index, described.
type index struct {
	seen, started, succeeded map[types.UID]string
	// most is how many of them may start and succeed: one, or both of a pair.
	most int
}

// judgeCompleted counts what an upstream pod, and its downstream pods, say about
// their Job.
func (l *Ledger) judgeCompleted(above types.UID, at time.Time) {
	up := l.above[above]
	if up == nil {
		return
	}
	key, indexed := indexOf(up.Pod)
	if !indexed {
		return
	}
	i := l.indexes[key]
	if i == nil {
		i = &index{map[types.UID]string{}, map[types.UID]string{}, map[types.UID]string{}, 1}
		l.indexes[key] = i
	}
	name := describe(l.scope.Upstream, up.Pod)
	if i.seen[above] == "" {
		if l.pairs(up.Pod, i.seen) {
			i.most = 2
		}
		i.seen[above] = name
	}
	belowStarted := slices.ContainsFunc(l.belowOf[above], func(d *downstreamPod) bool { return d.started })
	if started(up.Pod) || belowStarted {
		i.started[above] = name
	}
	if up.Status.Phase == corev1.PodSucceeded {
		i.succeeded[above] = name
	}
	for what, pods := range map[string]map[types.UID]string{"was started": i.started, "succeeded": i.succeeded} {
		if len(pods) > i.most {
			l.violate(Violation{
				Completed, slices.Sorted(maps.Values(pods)),
				fmt.Sprintf("index %s of Job %s %s %d times", key.index, key.job, what, len(pods)), at,
			}, what+string(key.job)+"/"+key.index)
		}
	}
}

// Completes judges Jobs that are to be done by now.
func (l *Ledger) Completes(jobs []batchv1.Job, at time.Time) {
	for _, job := range jobs {
		name := fmt.Sprintf("%s Job %s/%s (%s)", l.scope.Upstream, job.Namespace, job.Name, job.UID)
		for n := range int(*cmp.Or(job.Spec.Completions, new(int32(1)))) {
			succeeded, most := 0, 1
			if i := l.indexes[indexKey{job.UID, strconv.Itoa(n)}]; i != nil {
				succeeded, most = len(i.succeeded), i.most
			}
			if succeeded < 1 || succeeded > most {
				l.violate(Violation{
					Completed, []string{name}, fmt.Sprintf("index %d succeeded %d times, want once", n, succeeded), at,
				}, fmt.Sprintf("%s/%d", job.UID, n))
			}
		}
	}
}

func indexOf(pod *corev1.Pod) (indexKey, bool) {
	owner := metav1.GetControllerOf(pod)
	n, indexed := pod.Annotations[batchv1.JobCompletionIndexAnnotation]
	if owner == nil || owner.Kind != "Job" || !indexed {
		return indexKey{}, false
	}
	return indexKey{owner.UID, n}, true
}
