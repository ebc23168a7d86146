package spread

import (
	"slices"
	"strconv"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PodsSeen is the condition of a subset whose reservations were given up before their
// time, because their pods had been seen: its message is the resource version of pods up
// to which that is so. Who has not seen pods up to there counts them on the API server.
const PodsSeen v1alpha1.WorkloadSpreadSubsetConditionType = "PodsSeen"

// ReasonResourceVersion is the reason of the condition PodsSeen.
const ReasonResourceVersion = "ResourceVersion"

const (
	// HeardAfter is how long ago a resource version of pods must have been seen for all
	// before it to count as seen, too: when a watch begins anew they come in no order.
	HeardAfter = 2 * time.Second
	// SettledAfter is how long ago a pod must have been seen for its reservation to be
	// given up. A replica whose cache lags no more than the difference from HeardAfter
	// does not even notice.
	SettledAfter = 4 * time.Second
)

// Revision is a resource version as a number, which grows with each change of any object
// of a kind (KEP-5504); 0 if it is none, before all others.
func Revision(resourceVersion string) uint64 {
	n, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// seenUpTo is the largest resource version in a condition PodsSeen; 0 if there is none.
func seenUpTo(ws *v1alpha1.WorkloadSpread) (most uint64) {
	for i := range ws.Status.SubsetStatuses {
		for _, c := range ws.Status.SubsetStatuses[i].Conditions {
			if c.Type == PodsSeen {
				most = max(most, Revision(c.Message))
			}
		}
	}
	return most
}

// noteSeen gives a subset the condition that reservations were given up whose pods were
// seen up to a resource version. The subset must have a status.
func noteSeen(status *v1alpha1.WorkloadSpreadStatus, subset string, upTo uint64, now time.Time) {
	status.SubsetStatuses = slices.Clone(status.SubsetStatuses)
	i := slices.IndexFunc(status.SubsetStatuses, named(subset))
	conditions := slices.Clone(status.SubsetStatuses[i].Conditions)
	at := slices.IndexFunc(conditions, func(c v1alpha1.WorkloadSpreadSubsetCondition) bool { return c.Type == PodsSeen })
	if at < 0 {
		at = len(conditions)
		conditions = append(conditions, v1alpha1.WorkloadSpreadSubsetCondition{
			Type: PodsSeen, Status: corev1.ConditionTrue, Reason: ReasonResourceVersion, LastTransitionTime: metav1.NewTime(now).Rfc3339Copy(),
		})
	}
	conditions[at].Message = strconv.FormatUint(max(upTo, Revision(conditions[at].Message)), 10)
	status.SubsetStatuses[i].Conditions = conditions
}

// named says of statuses whether they are a subset's.
func named(subset string) func(v1alpha1.WorkloadSpreadSubsetStatus) bool {
	return func(s v1alpha1.WorkloadSpreadSubsetStatus) bool { return s.Name == subset }
}
