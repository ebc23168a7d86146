package offline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// deed is one step of what was done to a pod, and why.
type deed struct{ step, text string }

// deeds are in the order of admission.
func (r Result) deeds() []deed {
	deeds := []deed{{"opted in", r.optedIn()}}
	if text := r.stashed(); text != "" {
		deeds = append(deeds, deed{"stashed", text})
	}
	deeds = append(deeds, deed{"placed", r.placed()})
	for _, set := range r.outcome.Injected {
		deeds = append(deeds, deed{"injected", fmt.Sprintf("%s by SidecarSet %q", quoted(injectedBy(r.After, set.Name())), set.Name())})
	}
	for _, failure := range r.outcome.SidecarsFailed {
		deeds = append(deeds, deed{"left out", fmt.Sprintf("SidecarSet %q: %v", failure.Set, failure.Err)})
	}
	return deeds
}

func (r Result) optedIn() string {
	if objectAt(r.Before, "metadata", "labels")[api.OptInLabel] == api.OptedIn {
		return fmt.Sprintf("by its own label %s: %q", api.OptInLabel, api.OptedIn)
	}
	return fmt.Sprintf("by the label %s: %q of namespace %s", api.OptInLabel, api.OptedIn, r.Namespace)
}

// stashed says what was saved, or whose stash it is; nothing for a pod without one.
func (r Result) stashed() string {
	value, has := annotation(r.After, api.StashAnnotation)
	marker, marked := annotation(r.After, api.StashMarkerAnnotation)
	_, before := annotation(r.Before, api.StashAnnotation)
	text := fmt.Sprintf("%s (%d bytes)", fieldsIn(value), len(value))
	switch {
	case !has:
		return ""
	case marked && marker == stash.Marker(value) && fieldsIn(value) == nothing:
		return "nothing, since the pod has no constraints"
	case marked && marker == stash.Marker(value):
		return text + ", which the downstream pod gets back"
	case before:
		return text + " as its author supplied it, which the downstream pod gets"
	default:
		return text + " as the patch of the subset supplies it, which the downstream pod gets"
	}
}

// nothing is what the stash of a pod has in it that may run anywhere.
const nothing = "nothing"

// fieldsIn names the fields of a stash.
func fieldsIn(value string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &fields) != nil {
		return "what cannot be read"
	}
	if len(fields) == 0 {
		return nothing
	}
	return strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

func (r Result) placed() string {
	switch {
	case r.decision == nil:
		return "on virtual nodes, since no WorkloadSpread targets it"
	case r.outcome.SpreadFailed != nil:
		return "nowhere: its WorkloadSpread failed: " + r.outcome.SpreadFailed.Error()
	case r.decision.Subset == nil:
		return "nowhere: " + r.decision.Message
	case r.Spilled != "":
		return "in " + r.Spilled
	default:
		return fmt.Sprintf("in subset %q of WorkloadSpread %q", r.decision.Subset.Name, r.decision.Spread.Name)
	}
}

// injectedBy returns the containers that a pod has of a SidecarSet, by the pod's own
// record.
func injectedBy(pod map[string]any, set string) []string {
	for name, names := range sidecarsOf(pod) {
		if name == set {
			return names
		}
	}
	return nil
}

// sidecarsOf returns the containers of each SidecarSet that the pod's record names.
func sidecarsOf(pod map[string]any) map[string][]string {
	value, _ := annotation(pod, api.SidecarSetHashAnnotation)
	var record map[string]struct {
		Containers []string `json:"sidecarList"`
	}
	if json.Unmarshal([]byte(value), &record) != nil {
		return nil
	}
	sets := make(map[string][]string, len(record))
	for set, of := range record {
		sets[set] = of.Containers
	}
	return sets
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "nothing but what is no container"
	}
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf("%q", name))
	}
	return strings.Join(all, ", ")
}

func annotation(pod map[string]any, key string) (value string, has bool) {
	value, has = objectAt(pod, "metadata", "annotations")[key].(string)
	return value, has
}
