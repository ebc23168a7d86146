package offline

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/cmd/spillway/internal/terminal"
)

// anyName stands for the name of a pod, and is in no text.
const anyName = "\x00"

// writeDiffs writes, for a person, what was done to each pod and why, and below it
// what changed in its YAML. Pods of a workload to which the same was done are written
// once.
func writeDiffs(w io.Writer, results []Result) error {
	palette := terminal.Style(w)
	type sort struct {
		position manifest.Position
		text     string
	}
	var order []sort
	alike := make(map[sort][]Result)
	for _, r := range results {
		text, err := describe(r, palette)
		if err != nil {
			return err
		}
		// Replicas differ in their names, which would make each of them another.
		key := sort{r.Position, strings.ReplaceAll(text, r.Name, anyName)}
		if alike[key] == nil {
			order = append(order, key)
		}
		alike[key] = append(alike[key], r)
	}
	var out bytes.Buffer
	for i, key := range order {
		if i > 0 {
			out.WriteByte('\n')
		}
		same := alike[key]
		title := fmt.Sprintf("pod %s/%s", same[0].Namespace, same[0].Name)
		if others := len(same) - 1; others > 0 {
			title += fmt.Sprintf(", and %d more like it, to %s", others, same[others].Name)
		}
		out.WriteString(palette.Bold(title) + ": " + strings.ReplaceAll(key.text, anyName, same[0].Name))
	}
	return write(w, out.Bytes())
}

// describe is what there is to say about a pod, behind its name.
func describe(r Result, palette terminal.Palette) (string, error) {
	if r.Skipped != "" {
		return fmt.Sprintf("left as it is (%s)\n", r.Skipped), nil
	}
	var text strings.Builder
	where := "stays on upstream nodes"
	if r.Virtual {
		where = "goes to a virtual node"
	}
	text.WriteString(palette.Bold(where) + "\n")
	for _, done := range r.deeds() {
		fmt.Fprintf(&text, "  %-12s%s\n", done.step, done.text)
	}
	before, err := plainly(r, r.Before)
	if err != nil {
		return "", err
	}
	after, err := plainly(r, r.After)
	if err != nil {
		return "", err
	}
	name := r.Namespace + "/" + r.Name
	changed := string(diff.Diff(name, before, name+" (admitted)", after))
	// The first line repeats the names of the next two.
	if _, rest, found := strings.Cut(changed, "\n"); found {
		text.WriteString(coloured(rest, palette))
	}
	return text.String(), nil
}

// plainly is a pod's YAML as a person reads it.
func plainly(r Result, pod map[string]any) ([]byte, error) {
	var out bytes.Buffer
	err := manifest.WriteYAML(&out, []map[string]any{readable(pod, r.Before)})
	return out.Bytes(), err
}

func coloured(changed string, palette terminal.Palette) string {
	var out strings.Builder
	for line := range strings.Lines(changed) {
		text := strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(text, "+"):
			text = palette.Green(text)
		case strings.HasPrefix(text, "-"):
			text = palette.Red(text)
		case strings.HasPrefix(text, "@@"):
			text = palette.Faint(text)
		}
		out.WriteString(text + "\n")
	}
	return out.String()
}
