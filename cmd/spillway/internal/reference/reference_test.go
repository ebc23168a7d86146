package reference

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// rows are the lines of a page's tables.
func rows(page string) []string {
	var found []string
	for line := range strings.SplitSeq(page, "\n") {
		if strings.HasPrefix(line, "| `") {
			found = append(found, line)
		}
	}
	return found
}

func TestKeys(t *testing.T) {
	cases := map[string]struct {
		reason string
		source string
		want   []string
		err    string
	}{
		"spelled-out": {
			reason: "names of constants mean nothing to who writes YAML",
			source: "package api\n// One: of them.\nconst (\n// AskLabel on a pod, with AskYes, asks.\nAskLabel = \"ask\"\n// AskYes is a\n// value | of AskLabel, <not> more.\nAskYes = \"yes\"\n)",
			want:   []string{"| `ask` | label | on a pod, with `yes`, asks. | AskLabel's |", "| `yes` | value | is a value \\| of `ask`, &lt;not> more. | AskYes's |"},
		},
		"no-comment": {
			reason: "a key that nobody describes",
			source: "package api\n// One.\nconst (\nAskLabel = \"ask\"\n)",
			err:    "the key AskLabel has no comment",
		},
		"no-literal": {
			reason: "a key that is computed cannot be found by who looks for it",
			source: "package api\n// One.\nconst (\n// AskLabel asks.\nAskLabel = prefix + \"ask\"\n)",
			err:    "cannot read the key AskLabel: no literal",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			page, err := Keys([]byte(tc.source), func(name string) []string { return []string{name + "'s"} })
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("%s: got error %v, want %q", tc.reason, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, rows(page)); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestValues(t *testing.T) {
	const schema = `{"properties": {
		"global": {"type": "object"},
		"zone": {"description": "Where.", "enum": ["a", "b"]},
		"list": {"description": "Many.", "type": "array", "items": {"type": "object", "properties": {"name": {"description": "Its name.", "$ref": "#/$defs/name"}}}},
		"group": {"properties": {"open": {"description": "Whether.", "type": "boolean"}}}
	}, "$defs": {"name": {"type": "string"}}}`
	page, err := Values([]byte(schema), []byte("zone: a\nlist: []\ngroup: {open: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"| `zone` | `a`, `b` | `\"a\"` | Where. |",
		"| `list` | list of object | `[]` | Many. |",
		"| `list[].name` | string |  | Its name. |",
		"| `group.open` | boolean | `true` | Whether. |",
	}
	if diff := cmp.Diff(want, rows(page)); diff != "" {
		t.Errorf("in the order of the schema: -want +got\n%s", diff)
	}
}

func TestCommands(t *testing.T) {
	root := &cobra.Command{Use: "tool", Short: "Do things"}
	run := &cobra.Command{Use: "run FILE", Short: "Run it", Example: "  tool run a\n\n  tool run b", RunE: func(*cobra.Command, []string) error { return nil }}
	run.Flags().StringSliceP("only", "o", []string{"a", "b"}, "`NAME` to run")
	run.Flags().Bool("secret", false, "hidden")
	if err := run.Flags().MarkHidden("secret"); err != nil {
		t.Fatal(err)
	}
	root.AddCommand(run, &cobra.Command{Use: "old", Hidden: true, RunE: run.RunE})
	page := Commands(root)
	want := []string{"| [`tool run`](#tool-run) | Run it |", "| `-o`, `--only` NAME | `a,b` | NAME to run |"}
	var got []string
	for line := range strings.SplitSeq(page, "\n") {
		if strings.HasPrefix(line, "| `") || strings.HasPrefix(line, "| [") {
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(page, "\ntool run a\ntool run b\n```") {
		t.Errorf("no examples in\n%s", page)
	}
}
