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
	HeardAfter = time.Second
	// SettledAfter is how long ago a pod must have been seen for its reservation to be
	// given up. A replica whose cache lags no more than the difference from HeardAfter
	// does not even notice.
	SettledAfter = 2500 * time.Millisecond
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
		if c := conditionIn(&ws.Status.SubsetStatuses[i], PodsSeen); c != nil {
			most = max(most, Revision(c.Message))
		}
	}
	return most
}

// noteSeen gives the subset at a place of the status the condition that reservations were
// given up whose pods were seen up to a resource version. What it changes it copies.
func noteSeen(status *v1alpha1.WorkloadSpreadStatus, place int, upTo uint64, now time.Time) {
	status.SubsetStatuses = slices.Clone(status.SubsetStatuses)
	subset := &status.SubsetStatuses[place]
	subset.Conditions = slices.Clone(subset.Conditions)
	if conditionIn(subset, PodsSeen) == nil {
		subset.Conditions = append(subset.Conditions, v1alpha1.WorkloadSpreadSubsetCondition{
			Type: PodsSeen, Status: corev1.ConditionTrue, Reason: ReasonResourceVersion, LastTransitionTime: metav1.NewTime(now).Rfc3339Copy(),
		})
	}
	seen := conditionIn(subset, PodsSeen)
	seen.Message = strconv.FormatUint(max(upTo, Revision(seen.Message)), 10)
}
