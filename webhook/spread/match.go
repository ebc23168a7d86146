package spread

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// Match is the value of the matched-workloadspread annotation, which is Kruise's
// own contract.
type Match struct {
	// Name is that of the WorkloadSpread, in the pod's namespace.
	Name string `json:"name"`
	// Subset is the name of the chosen subset.
	Subset string `json:"subset"`
	// UID is the key of the reservation that a pod without a name took.
	UID string `json:"uid,omitempty"`
}

// MatchOf reads the annotation. Like Kruise's readers it does not mind the case
// of the field names. A value that cannot be read is the same as none: it was
// not written by a webhook, and claims no slot.
func MatchOf(pod *corev1.Pod) (match Match, ok bool) {
	value, has := pod.Annotations[api.MatchedWorkloadSpreadAnnotation]
	if !has || json.Unmarshal([]byte(value), &match) != nil {
		return Match{}, false
	}
	return match, match.Name != "" && match.Subset != ""
}

// Annotation returns the annotation's value.
func (m Match) Annotation() (string, error) {
	value, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("cannot encode the annotation %s: %w", api.MatchedWorkloadSpreadAnnotation, err)
	}
	return string(value), nil
}

// Key returns what the pod's reservation is filed under: the UID of a pod that
// had no name at admission, the name of any other.
func (m Match) Key(name string) string {
	if m.UID != "" {
		return m.UID
	}
	return name
}
