package spread

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TargetOf reads what a workload wants from the object that ws targets. Version
// is left to the caller, as it depends on other objects.
func TargetOf(ws *v1alpha1.WorkloadSpread, workload *unstructured.Unstructured) Target {
	target := Target{UID: workload.GetUID(), Version: VersionIgnored}
	kind := TargetKind(ws)
	base := "replicas"
	if isJob(kind) {
		base = "parallelism"
		mode, _, _ := unstructured.NestedString(workload.Object, "spec", "completionMode")
		if target.Indexed = mode == string(batchv1.IndexedCompletion); target.Indexed {
			base = "completions"
		}
	}
	if isStatefulSet(kind) {
		start, _, _ := unstructured.NestedInt64(workload.Object, "spec", "ordinals", "start")
		target.FirstOrdinal = int(start)
		reserved, _, _ := unstructured.NestedSlice(workload.Object, "spec", "reserveOrdinals")
		target.ReservedOrdinals = ordinals(reserved)
	}
	if filter := ws.Spec.TargetFilter; filter != nil && len(filter.ReplicasPathList) > 0 {
		target.Replicas, target.ReplicasErr = sumAt(workload, filter.ReplicasPathList)
		return target
	}
	if n, found, err := unstructured.NestedInt64(workload.Object, "spec", base); found && err == nil {
		target.Replicas = new(int32(n))
	} else if IsKnown(kind) {
		target.Replicas = new(int32(1)) // what all of them default to
	}
	return target
}

// WantedOf returns how many pods the controller of a workload wants at most, by
// what the workload says now; known is false for kinds whose controllers may go
// beyond it in their own ways. The wish is settled once the controller cannot be
// acting on an older one any more.
func WantedOf(workload *unstructured.Unstructured) (n int, settled, known bool) {
	kind := workload.GroupVersionKind().GroupKind()
	spec := func(field string, otherwise int64) int64 {
		if n, found, err := unstructured.NestedInt64(workload.Object, "spec", field); found && err == nil {
			return n
		}
		return otherwise
	}
	// Who never had another wish, and who says that it was observed.
	observed, _, _ := unstructured.NestedInt64(workload.Object, "status", "observedGeneration")
	settled = workload.GetGeneration() <= 1 || observed == workload.GetGeneration()
	switch {
	case isReplicaSet(kind):
		return int(spec("replicas", 1)), settled, true
	case isJob(kind):
		return int(spec("parallelism", 1)), settled, true
	case isCloneSet(kind):
		replicas := int(spec("replicas", 1))
		return replicas + surgeOf(workload, replicas), settled, true
	default:
		return 0, false, false
	}
}

// surgeOf is a CloneSet's spec.updateStrategy.maxSurge.
func surgeOf(cloneSet *unstructured.Unstructured, replicas int) int {
	value, found, err := unstructured.NestedFieldNoCopy(cloneSet.Object, "spec", "updateStrategy", "maxSurge")
	if !found || err != nil {
		return 0
	}
	surge := intstr.Parse(fmt.Sprint(value))
	n, err := intstr.GetScaledValueFromIntOrPercent(&surge, replicas, true)
	if err != nil {
		return 0
	}
	return n
}

// sumAt adds up the numbers at dotted paths; in a list, a number is an index.
func sumAt(workload *unstructured.Unstructured, paths []string) (*int32, error) {
	var sum int64
	for i, path := range paths {
		n, err := numberAt(workload.Object, path)
		if err != nil {
			return nil, fmt.Errorf("spec.targetFilter.replicasPathList[%d]: %q in %s %q: %w", i, path, workload.GetKind(), workload.GetName(), err)
		}
		sum += n
	}
	return new(int32(sum)), nil
}

func numberAt(value any, path string) (int64, error) {
	for name := range strings.SplitSeq(path, ".") {
		var next any
		switch parent := value.(type) {
		case map[string]any:
			next = parent[name]
		case []any:
			if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(parent) {
				next = parent[i]
			}
		}
		if next == nil {
			return 0, fmt.Errorf("there is no %q", name)
		}
		value = next
	}
	n, ok := value.(int64)
	if !ok {
		return 0, fmt.Errorf("%v is not an integer", value)
	}
	return n, nil
}

// ordinals reads spec.reserveOrdinals of an Advanced StatefulSet: numbers, and
// in newer versions ranges such as "3-5".
func ordinals(values []any) []int {
	var all []int
	for _, value := range values {
		first, last, isRange := strings.Cut(fmt.Sprint(value), "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(last); err != nil {
				continue
			}
		}
		for n := from; n <= to && len(all) < maxReservedOrdinals; n++ {
			all = append(all, n)
		}
	}
	return all
}

// maxReservedOrdinals bounds what a range can cost.
const maxReservedOrdinals = 10_000
