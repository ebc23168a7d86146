// Package eventnote writes the texts of events: sentences that others had a part
// in, schedulers and API servers, and that may be longer than an event's can be.
package eventnote

import (
	"fmt"
	"strings"
)

// Max is how long the text of an event can be, in bytes, by the rules of the
// events.k8s.io API.
const Max = 1024

// Format formats a text, and cuts it between characters if it is too long.
func Format(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if len(text) <= Max {
		return text
	}
	const more = "..."
	return strings.ToValidUTF8(text[:Max-len(more)], "") + more
}
