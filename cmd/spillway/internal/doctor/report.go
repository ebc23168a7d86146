package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Formats returns what Write knows; the first one is the default.
func Formats() []string { return []string{"text", "json"} }

// Write says what was found: one line for the replicas of each Service, and one for
// each finding; or all of it as one JSON object.
func (r Report) Write(to io.Writer, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(to)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r); err != nil {
			return fmt.Errorf("cannot write the report: %w", err)
		}
		return nil
	}
	var text strings.Builder
	for _, replicas := range r.Replicas {
		fmt.Fprintln(&text, replicas)
	}
	for _, finding := range r.Findings {
		fmt.Fprintln(&text, finding)
	}
	if len(r.Findings) == 0 {
		fmt.Fprintf(&text, "Nothing is wrong with the certificates of the webhooks, %d in number.\n", r.Webhooks)
	}
	if _, err := io.WriteString(to, text.String()); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

func (r Replicas) String() string {
	line := fmt.Sprintf("%s: %d of %d replicas ready", r.Service, len(r.Ready), len(r.Ready)+len(r.NotReady))
	if len(r.Ready) > 0 {
		line += ": " + strings.Join(r.Ready, ", ")
	}
	if len(r.NotReady) > 0 {
		line += "; not ready: " + strings.Join(r.NotReady, ", ")
	}
	return line
}
