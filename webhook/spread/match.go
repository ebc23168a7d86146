package spread

import (
	"encoding/json"
	"fmt"
	"strings"

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
	if !has {
		return Match{}, false
	}
	match, ok = asWritten(value)
	if !ok && json.Unmarshal([]byte(value), &match) != nil {
		return Match{}, false
	}
	return match, match.Name != "" && match.Subset != ""
}

// asWritten reads what Annotation writes, where nothing in it is escaped: all pods of
// a workload are read, again and again. It is not ok for anything else.
func asWritten(value string) (match Match, ok bool) {
	rest, begins := strings.CutPrefix(value, `{"name":"`)
	rest, ends := strings.CutSuffix(rest, `"}`)
	if match.Name, rest, ok = strings.Cut(rest, `","subset":"`); !ok || !begins || !ends {
		return Match{}, false
	}
	match.Subset, match.UID, _ = strings.Cut(rest, `","uid":"`)
	if !isPlain(match.Name) || !isPlain(match.Subset) || !isPlain(match.UID) {
		return Match{}, false
	}
	return match, true
}

// isPlain says whether a text stands for itself between the quotes of JSON.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
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
