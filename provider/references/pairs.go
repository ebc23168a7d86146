package references

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
)

// usesOf returns the copies that an upstream pod and the downstream pod of its name
// use; either may be nil. The downstream pod is ours.
func usesOf(above, below *corev1.Pod, rules translate.Rules) []use {
	uses := heldBy(below, rules)
	if above == nil {
		return uses
	}
	started := translate.Started(above)
	if below != nil && rules.StandsFor(below, above) {
		for _, want := range Wanted(above, rules.MadeFor(below)) {
			if held, at := findUse(uses, want.Key); at >= 0 && !held.Used {
				uses[at] = use{Want: want, Used: true, Started: started, Held: true, Made: true}
			}
		}
	}
	for _, want := range Wanted(above, rules) {
		switch held, at := findUse(uses, want.Key); {
		case at < 0:
			uses = append(uses, use{Want: want, Used: true, Started: started})
		case !held.Used:
			uses[at] = use{Want: want, Used: true, Started: started, Held: true}
		}
	}
	return uses
}

func heldBy(below *corev1.Pod, rules translate.Rules) []use {
	if below == nil {
		return nil
	}
	var uses []use
	for _, key := range Mentioned(below, rules) {
		if _, at := findUse(uses, key); at < 0 {
			uses = append(uses, use{Want: Want{Key: key}, Held: true})
		}
	}
	return uses
}

// findUse returns the zero value and -1 if the copy is not among the uses.
func findUse(uses []use, key Key) (use, int) {
	at := slices.IndexFunc(uses, func(u use) bool { return u.Key == key })
	if at < 0 {
		return use{}, at
	}
	return uses[at], at
}

// alike says that two versions of a pod, or two nils, use the same for certain. Most
// changes are of the status, and cost no more than this.
func alike(before, now *corev1.Pod) bool {
	if before == nil || now == nil {
		return before == now
	}
	// API servers before Kubernetes 1.33 have no generation of pods.
	return before.UID == now.UID && before.Generation == now.Generation && now.Generation != 0 &&
		translate.Finished(before) == translate.Finished(now) && translate.Started(before) == translate.Started(now) &&
		maps.Equal(before.Labels, now.Labels) && maps.Equal(before.Annotations, now.Annotations)
}

// uidOf returns none for no pod.
func uidOf(pod *corev1.Pod) types.UID {
	if pod == nil {
		return ""
	}
	return pod.UID
}
