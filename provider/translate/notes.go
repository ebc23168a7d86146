package translate

import "fmt"

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

func credentialDropped(volume, what string, mode AccessMode) Note {
	return Note{Reason: NoteCredentialDropped, Message: fmt.Sprintf("Volume %q lacks %s: API access %q does not give it", volume, what, mode)}
}
