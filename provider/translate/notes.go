package translate

import (
	"fmt"
	"strings"
)

// The reasons of Notes. They are part of what people's alerts depend on.
const (
	// NotePriorityClassMissing: the pod's PriorityClass does not exist downstream,
	// or is one of those that clusters keep for themselves.
	NotePriorityClassMissing = "PriorityClassMissing"
	// NoteCredentialDropped: the pod projects a credential that its AccessMode does
	// not give; the file is missing.
	NoteCredentialDropped = "CredentialDropped"
	// NoteNamespaceSelector: pod affinity selects namespaces by their labels, which
	// downstream namespaces do not have.
	NoteNamespaceSelector = "NamespaceSelector"
)

// maxNote is how long the text of an event may be, in bytes, by the rules of the
// events.k8s.io API.
const maxNote = 1024

// EventText bounds a text that others had a part in, such as an API server, to what
// an event can hold: an API server refuses those that are longer. It cuts between
// characters, since half of one becomes three bytes on the way.
func EventText(text string) string {
	const more = "..."
	if len(text) <= maxNote {
		return text
	}
	return strings.ToValidUTF8(text[:maxNote-len(more)], "") + more
}

func credentialDropped(volume, what string, mode AccessMode) Note {
	return Note{Reason: NoteCredentialDropped, Message: fmt.Sprintf("Volume %q lacks %s: API access %q does not give it", volume, what, mode)}
}
