package spread

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// Default returns ws with what a user need not say, and with what was said but
// got lost on the way. The first is only the type of the schedule strategy,
// Fixed: nil means something in every other field, and Kruise, which has no
// defaults, must read the object in the same way. Where scheduleStrategy.adaptive
// is given and the type is not, the user meant something else than Fixed, and
// Validate asks what. The second are nulls in patches, see withNulls. The result
// shares with ws what it did not change; ws is not modified.
func Default(ws *v1alpha1.WorkloadSpread) *v1alpha1.WorkloadSpread {
	ws = withNulls(ws)
	strategy := ws.Spec.ScheduleStrategy
	if strategy.Type != "" || strategy.Adaptive != nil {
		return ws
	}
	defaulted := new(*ws)
	defaulted.Spec.ScheduleStrategy.Type = v1alpha1.FixedWorkloadSpreadScheduleStrategyType
	return defaulted
}

// withNulls puts back the nulls of patches that `kubectl apply` has dropped. In a
// patch "nodeSelector: null" clears the workload's own, and kubectl, which takes
// every null for one of its own directives, sends none of them unless it applies
// on the server's side. It leaves what its user wrote in an annotation. A patch
// that is otherwise still the one in there gets its nulls back, on every write,
// since the next apply drops them again.
func withNulls(ws *v1alpha1.WorkloadSpread) *v1alpha1.WorkloadSpread {
	var applied v1alpha1.WorkloadSpread
	if json.Unmarshal([]byte(ws.Annotations[corev1.LastAppliedConfigAnnotation]), &applied) != nil {
		return ws
	}
	restored := ws
	for i := range ws.Spec.Subsets {
		written := indexOf(&applied, ws.Spec.Subsets[i].Name)
		if written < 0 || !lacksNullsOf(ws.Spec.Subsets[i].Patch.Raw, applied.Spec.Subsets[written].Patch.Raw) {
			continue
		}
		if restored == ws {
			restored = new(*ws)
			restored.Spec.Subsets = slices.Clone(ws.Spec.Subsets)
		}
		restored.Spec.Subsets[i].Patch.Raw = applied.Spec.Subsets[written].Patch.Raw
	}
	return restored
}

// lacksNullsOf says whether a patch is the one that was written, but for nulls.
func lacksNullsOf(patch, written []byte) bool {
	if len(patch) == 0 {
		return false
	}
	have, haveErr := decodePatch(patch)
	want, wantErr := decodePatch(written)
	return haveErr == nil && wantErr == nil && !reflect.DeepEqual(have, want) && reflect.DeepEqual(withoutNulls(have), withoutNulls(want))
}

func withoutNulls(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := make(map[string]any, len(value))
		for name, below := range value {
			if below != nil {
				kept[name] = withoutNulls(below)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(value))
		for i, below := range value {
			kept[i] = withoutNulls(below)
		}
		return kept
	default:
		return value
	}
}
