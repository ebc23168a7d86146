package offline

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
)

// Formats are the values of the format argument of Write.
func Formats() []string { return []string{"yaml", "json", "patch", "diff"} }

// Write prints the results:
//
//	yaml   the admitted pods, as YAML documents
//	json   the admitted pods, as one List
//	patch  the JSON patch of each pod that is not denied, as YAML documents
//	       under a comment that names it
//	diff   what was done to each admitted pod and why, and what changed in its YAML
func Write(w io.Writer, format string, results []Result) error {
	results = slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Denied != nil })
	var admitted []map[string]any
	for _, r := range results {
		admitted = append(admitted, r.After)
	}
	switch format {
	case "yaml":
		return manifest.WriteYAML(w, admitted)
	case "json":
		return manifest.WriteJSON(w, admitted)
	case "patch":
		return writePatches(w, results)
	case "diff":
		return writeDiffs(w, results)
	default:
		return fmt.Errorf("there is no output format %q; give one of %q", format, Formats())
	}
}

// writePatches writes one operation a line. An empty patch is written too: it is
// what the webhook answers.
func writePatches(w io.Writer, results []Result) error {
	var out bytes.Buffer
	for i, r := range results {
		if i > 0 {
			out.WriteString("---\n")
		}
		fmt.Fprintf(&out, "# pod %s/%s\n[", r.Namespace, r.Name)
		for j, operation := range r.Patch {
			line, err := encode(operation)
			if err != nil {
				return err
			}
			if j > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, "\n  %s", line)
		}
		if len(r.Patch) > 0 {
			out.WriteByte('\n')
		}
		out.WriteString("]\n")
	}
	return write(w, out.Bytes())
}

func write(w io.Writer, content []byte) error {
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("cannot write the output: %w", err)
	}
	return nil
}
