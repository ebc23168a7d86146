package docs

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadPage(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   string
		text   string
		want   []Fence
		errors []string
	}{
		"languages": {
			reason: "a fence is known by its lines, its language and its attributes",
			text:   "# Title\n```sh\nkubectl get pods\n```\n\n```yaml file=a/b.yaml needs=\"two words\"\na: 1\n```\n",
			want: []Fence{
				{Line: 2, End: 4, Language: "sh", Lines: []string{"kubectl get pods"}},
				{Line: 6, End: 8, Language: "yaml", File: "a/b.yaml", Needs: "two words", Lines: []string{"a: 1"}},
			},
		},
		"in-a-list": {
			reason: "the indentation of a list is not the commands'",
			text:   "- so:\n\n  ```sh\n  if true; then\n    false\n  fi\n  ```\n",
			want:   []Fence{{Line: 3, End: 7, Language: "sh", Lines: []string{"if true; then", "  false", "fi"}}},
		},
		"fence-in-fence": {
			reason: "a longer fence shows a shorter one",
			text:   "````text\n```sh\n```\n````\n",
			want:   []Fence{{Line: 1, End: 4, Language: "text", Lines: []string{"```sh", "```"}}},
		},
		"no-language": {
			reason: "nobody could tell whether it is to be run",
			text:   "a\n```\nls\n```\n",
			want:   []Fence{{Line: 2, End: 4, Lines: []string{"ls"}}},
			errors: []string{"page.md:2: a fence without a language"},
		},
		"unknown": {
			reason: "a misspelt attribute or language would leave commands out in silence",
			text:   "```sh need=\"root\"\n```\n```bash\n```\n<!-- runs on: the moon -->\n",
			want:   []Fence{{Line: 1, End: 2, Language: "sh"}, {Line: 3, End: 4, Language: "bash"}},
			errors: []string{"page.md:1: there is no attribute need", `page.md:3: language "bash"`, `page.md:5: there is no stage "the moon"`},
		},
		"incident": {
			reason: "what befalls a cluster befalls all that are in it, and only what there is",
			text:   "<!-- happens: east does not answer -->\n<!-- runs on: clusters with Spillway -->\n<!-- happens: east does not answer -->\n<!-- happens: west answers again -->\n",
			errors: []string{"page.md:1: other pages are in these clusters", `page.md:4: "west answers again" is not`},
		},
		"prompt": {
			reason: "commands that are shown as output are not run by anybody",
			text:   "```text\n$ kubectl get pods\nNAME\n```\n",
			want:   []Fence{{Line: 1, End: 4, Language: "text", Lines: []string{"$ kubectl get pods", "NAME"}}},
			errors: []string{"page.md:2: a command with a prompt"},
		},
		"decision": {
			reason: "records are not edited when commands change",
			path:   "docs/decisions/0001-a.md",
			text:   "```sh\nmake\n```\n",
			want:   []Fence{{Line: 1, End: 3, Language: "sh", Lines: []string{"make"}}},
			errors: []string{"docs/decisions/0001-a.md:1: a decision is a record"},
		},
		"hidden": {
			reason: "what Markdown shows as code, and nobody would run",
			text:   "- ```sh\n\t```sh\n<pre>kubectl get pods</pre>\n\n    kubectl get pods\n\n- a list\n    make is a word here\n",
			errors: []string{"page.md:1: code that is no fence", "page.md:2: code that is no fence", "page.md:3: code that is no fence", "page.md:5: code that is no fence"},
		},
		"exits-of-several": {
			reason: "the first could fail, and nobody would know",
			text:   "```sh exits=2\nkubectl get pods\nfalse\n```\n",
			want:   []Fence{{Line: 1, End: 4, Language: "sh", Exits: "2", Lines: []string{"kubectl get pods", "false"}}},
			errors: []string{"page.md:1: exits= is for one command"},
		},
		"open": {
			reason: "the rest of the page would be taken for code",
			text:   "```sh\nmake\n",
			errors: []string{"page.md:1: this fence is never closed"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := tc.path
			if path == "" {
				path = "page.md"
			}
			page, err := ReadPage(path, tc.text)
			if diff := cmp.Diff(tc.want, page.Fences); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
			if !says(err, tc.errors) {
				t.Errorf("%s: got error %v, want %q", tc.reason, err, tc.errors)
			}
		})
	}
}

// TestDiffers: who reads a translation types the same.
func TestDiffers(t *testing.T) {
	const original = "# Title\n```sh\nkubectl get pods\n```\n```text\nNAME\n```\n"
	cases := map[string]struct{ reason, text, want string }{
		"same":    {reason: "texts may be translated", text: "```text\nnom\n```\n```sh\nkubectl get pods\n```\n"},
		"other":   {reason: "a command that was forgotten when the original changed", text: "```sh\nkubectl get po\n```\n", want: "page.zh.md:1: not the fence at page.md:2"},
		"missing": {reason: "a command that was left out", text: "nothing\n", want: "page.zh.md: the fence at page.md:2 is missing"},
		"further": {reason: "a command that is not run, as the original has none", text: "```sh\nkubectl get pods\n```\n```sh\nls\n```\n", want: "page.zh.md:4: page.md has no such fence"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			first, err := ReadPage("page.md", original)
			if err != nil {
				t.Fatal(err)
			}
			second, err := ReadPage("page.zh.md", tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if second.Original() != first.Path {
				t.Errorf("got original %q", second.Original())
			}
			got := ""
			if err := second.Differs(first); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// says tells whether an error has these lines and no others, by how they begin.
func says(err error, want []string) bool {
	var lines []string
	if err != nil {
		lines = strings.Split(err.Error(), "\n")
	}
	if len(lines) != len(want) {
		return false
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			return false
		}
	}
	return true
}

// TestRun: what a page may rely on, and what its error says.
func TestRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		// within bounds the page; the default is longer than any of them takes.
		within time.Duration
		want   string
	}{
		"carries-over": {
			reason: "directory, variables and files of one block are there in the next",
			text:   "```sh\nmkdir d; cd d; x=1\n```\n```yaml file=sub/a.yaml\na: $x\n```\n```sh\ntest \"$x\" = 1\ngrep -qxF 'a: $x' sub/a.yaml\n```\n",
		},
		"fails": {
			reason: "the line is the page's",
			text:   "# One\n\n```sh\ntrue\n```\n\n```sh\necho before\ncat \\\n  nowhere\necho after\n```\n",
			want:   "page.md:10: exit code 1: cat nowhere",
		},
		"in-a-pipe":    {reason: "no part of a pipe may fail", text: "```sh\nfalse | true\n```\n", want: "page.md:2: exit code 1"},
		"in-a-line":    {reason: "a misspelt variable is a mistake", text: "```sh\necho $nothing\n```\n", want: "line 2: nothing: unbound variable"},
		"exits":        {reason: "an exit code can be what the page is about", text: "```sh exits=3\n(exit 3)\n```\n```sh\ntrue\n```\n"},
		"exits-others": {reason: "another code is not what the page says", text: "```sh exits=3\n(exit 4)\n```\n", want: "page.md:3: exit code 4, and the page says 3"},
		"fails-after":  {reason: "only that block may fail", text: "```sh exits=3\n(exit 3)\n```\n```sh\nfalse\n```\n", want: "page.md:5: exit code 1: false"},
		"needs":        {reason: "what has a need is not run", text: "```sh needs=\"root\"\nfalse\n```\n"},
		"left":         {reason: "a page ends what it has begun", text: "```sh\ntail -f /dev/null &\n```\n", want: "processes that it started are still there"},
		"ended":        {reason: "background processes are fine", text: "```sh\ntail -f /dev/null &\n```\n```sh\nkill %1; wait %1 || true\n```\n"},
		"stuck":        {reason: "what waits for ever is named", text: "```sh\ntrue\ntail -f /dev/null\n```\n", within: time.Second, want: "line 3 tail -f /dev/null"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := ReadPage("page.md", tc.text)
			if err != nil {
				t.Fatal(err)
			}
			within := tc.within
			if within == 0 {
				within = time.Minute
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			err = run(ctx, page, t.TempDir(), t.TempDir(), programs{path: t.TempDir()})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s: got error %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}
