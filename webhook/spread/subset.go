package spread

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// errBaseUnknown says that a percentage cannot be turned into a number.
var errBaseUnknown = errors.New("the number of replicas that the percentage is of is not known")

// Cap returns how many pods a subset takes at most; limited is false for one
// without maxReplicas. A percentage is of base, the replicas that the workload
// wants, and rounded up, as in Kruise. The error tells of a percentage without a
// base, and of a value that is neither a number nor a percentage.
func Cap(subset *v1alpha1.WorkloadSpreadSubset, base *int32) (most int, limited bool, err error) {
	limit := subset.MaxReplicas
	switch {
	case limit == nil:
		return 0, false, nil
	case limit.Type == intstr.Int:
		return max(0, limit.IntValue()), true, nil
	}
	digits, isPercent := strings.CutSuffix(limit.StrVal, "%")
	percent, err := strconv.Atoi(digits)
	switch {
	case !isPercent || err != nil || percent < 0:
		return 0, true, fmt.Errorf("maxReplicas %q is neither a number nor a percentage", limit.StrVal)
	case base == nil:
		return 0, true, errBaseUnknown
	default:
		return (percent*int(*base) + 99) / 100, true, nil
	}
}

// UsesPercent says whether a subset is capped at a percentage.
func UsesPercent(ws *v1alpha1.WorkloadSpread) bool {
	for i := range ws.Spec.Subsets {
		if limit := ws.Spec.Subsets[i].MaxReplicas; limit != nil && limit.Type == intstr.String {
			return true
		}
	}
	return false
}

// NeedsTarget says whether the subset of a pod can depend on what the target
// wants: on its replicas, or on how its pods are numbered.
func NeedsTarget(ws *v1alpha1.WorkloadSpread) bool {
	kind := TargetKind(ws)
	return UsesPercent(ws) || isStatefulSet(kind) || isJob(kind)
}

// openness is what a subset lets through.
type openness int

const (
	open openness = iota
	// probed: one pod at a time may try.
	probed
	closed
	// cordoned: pods come only if no other subset has room.
	cordoned
)

// opennessOf says whether a subset is cordoned, and otherwise reads the condition.
// The last of those that are not cordoned is open whatever its condition says:
// there is nowhere to go from it.
func opennessOf(ws *v1alpha1.WorkloadSpread, cordons map[string]bool, i int) openness {
	if cordons[ws.Spec.Subsets[i].Name] {
		return cordoned
	}
	if i == lastBut(ws, cordons) {
		return open
	}
	if _, moves := PatienceOf(ws); !moves {
		return open
	}
	condition := schedulableAt(ws, i)
	switch {
	case condition == nil:
		return open
	case condition.Status == corev1.ConditionFalse:
		return closed
	case condition.Status == corev1.ConditionUnknown:
		return probed
	default:
		return open
	}
}

// lastBut returns the position of the last subset that is not cordoned; that of
// the last one if all are.
func lastBut(ws *v1alpha1.WorkloadSpread, cordons map[string]bool) int {
	last := len(ws.Spec.Subsets) - 1
	for i := last; i >= 0 && len(cordons) > 0; i-- {
		if !cordons[ws.Spec.Subsets[i].Name] {
			return i
		}
	}
	return last
}

// indexOf returns the position of a subset; -1 if there is none of that name.
func indexOf(ws *v1alpha1.WorkloadSpread, name string) int {
	for i := range ws.Spec.Subsets {
		if ws.Spec.Subsets[i].Name == name {
			return i
		}
	}
	return -1
}
