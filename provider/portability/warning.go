package portability

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// Warning says what of a pod is not downstream what it is upstream.
type Warning struct {
	// Field is the path in the pod, as in spec.volumes[0].hostPath.
	Field string `json:"field"`
	// Text says what happens, a sentence without a full stop.
	Text string `json:"text"`
	// Fix is what to do about it: a command or an edit.
	Fix string `json:"fix"`
	// Unsure says that it could not be judged, since something is not known.
	Unsure bool `json:"unsure,omitempty"`
}

// String is one line: what happens, and what to do.
func (w Warning) String() string { return fmt.Sprintf("%s: %s; do: %s", w.Field, w.Text, w.Fix) }

// Judge returns what will not be downstream what it is upstream, in the order of the
// pod's fields as far as it goes. pod is the downstream pod as package translate makes
// it of the upstream one. What the inventory does not tell is not warned of.
func Judge(pod, upstream *corev1.Pod, inv Inventory) []Warning {
	return slices.Concat(
		host(pod),
		volumes(pod, inv),
		reserved(upstream),
		classes(pod, upstream, inv),
		account(pod, upstream, inv),
		devices(pod),
		placement(pod, inv),
		security(pod, inv),
	)
}

// OfNotes returns what translation noted, but for what Judge says itself.
func OfNotes(notes []translate.Note) []Warning {
	var warnings []Warning
	for _, note := range notes {
		switch note.Reason {
		case translate.NoteCredentialDropped:
			warnings = append(warnings, Warning{
				Field: "spec.volumes", Text: note.Message,
				Fix: "ask for access with the annotation spillway.io/api-access, where the virtual node's --pod-api-access allows it",
			})
		case translate.NoteNamespaceSelector:
			warnings = append(warnings, Warning{
				Field: "spec.affinity", Text: note.Message,
				Fix: "name the namespaces, or label them downstream as they are labelled upstream",
			})
		}
	}
	return warnings
}
