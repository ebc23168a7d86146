package access

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	leader = "system:serviceaccount:home:reader"
	// listed and extra are what entries below have in common.
	listed = `"user":{"username":"a","groups":["readers"]},"annotations":{"authorization.k8s.io/decision":`
	extra  = `"user":{"username":"chief"},"annotations":{"authorization.k8s.io/decision":"allow"}}`
)

// TestJudge begins with grants of which each is used, and nothing else is: see
// testdata.
func TestJudge(t *testing.T) {
	watch := Exception{Holder: "readers", Resource: "pods", Verbs: []string{"watch"}}
	type result struct {
		Unused, Ungranted, Unjudged []string
		Needless                    int
	}
	cases := map[string]struct {
		reason     string
		without    string // lines of the log that have it are left out
		more       string // of the log
		program    string // that ran as well, and did just that
		partial    bool
		exceptions []Exception
		want       result
	}{
		"exact": {reason: "Each grant is used, by name, namespace, wildcard and path; what everybody may do, what others do, and who acts as somebody else do not count."},
		"unused": {
			reason:  "A verb that was not used is too much, whatever the other verbs of its rule.",
			without: `"verb":"list"`,
			want:    result{Unused: []string{"readers list pods in reader"}},
		},
		"unused-name": {
			reason:  "Each name that a rule lists is a grant.",
			without: "configmaps/two",
			want:    result{Unused: []string{"readers get configmaps two in reader"}},
		},
		"unused-wildcard": {
			reason:  "A subresource of all resources is one grant, which any of them uses.",
			without: `"subresource":"scale"`,
			want:    result{Unused: []string{"readers get *.*/scale in reader"}},
		},
		"unused-path": {
			reason:  "Paths are grants too.",
			without: `/logs/all`,
			want:    result{Unused: []string{"readers get /logs/* in reader"}},
		},
		"unused-refused": {
			reason:  "What was refused is no use: the role did not help.",
			without: `"verb":"list"`,
			more:    `{"verb":"list","objectRef":{"resource":"pods"},` + listed + `"forbid"}}`,
			want:    result{Unused: []string{"readers list pods in reader"}},
		},
		"refused-although-granted": {
			reason: "A role that is taken away for a while, or is not there yet, is no finding.",
			more:   `{"verb":"list","objectRef":{"resource":"pods"},` + listed + `"forbid"}}`,
		},
		"refused": {
			reason: "A refusal of what no rule grants is one, for all names together.",
			more: `{"verb":"delete","objectRef":{"resource":"pods","namespace":"n","name":"a"},` + listed + `"forbid"}}` + "\n" +
				`{"verb":"delete","objectRef":{"resource":"pods","namespace":"n","name":"b"},` + listed + `"forbid"}}`,
			want: result{Ungranted: []string{"readers delete pods: 0, 2"}},
		},
		"allowed-by-another-role": {
			reason: "What only a story has granted is missing from the role.",
			more:   `{"verb":"delete","objectRef":{"resource":"pods","namespace":"n","name":"a"},` + listed + `"allow"}}`,
			want:   result{Ungranted: []string{"readers delete pods: 1, 0"}},
		},
		"another-name": {
			reason: "A rule with names grants no others.",
			more:   `{"verb":"get","objectRef":{"resource":"configmaps","namespace":"n","name":"three"},` + listed + `"forbid"}}`,
			want:   result{Ungranted: []string{"readers get configmaps: 0, 1"}},
		},
		"another-namespace": {
			reason: "A Role grants nothing elsewhere.",
			more:   `{"verb":"create","objectRef":{"resource":"leases","apiGroup":"coordination.k8s.io","namespace":"away"},"user":{"username":"` + leader + `"},"annotations":{"authorization.k8s.io/decision":"forbid"}}`,
			want:   result{Ungranted: []string{leader + " create leases: 0, 1"}},
		},
		"another-holder": {
			reason: "One role's grants are not another's.",
			more:   `{"verb":"list","objectRef":{"resource":"pods"},"user":{"username":"` + leader + `"},"annotations":{"authorization.k8s.io/decision":"forbid"}}`,
			want:   result{Ungranted: []string{leader + " list pods: 0, 1"}},
		},
		"subresource": {
			reason: "A grant on a resource is none on its subresources.",
			more:   `{"verb":"list","objectRef":{"resource":"pods","subresource":"log"},` + listed + `"forbid"}}`,
			want:   result{Ungranted: []string{"readers list pods/log: 0, 1"}},
		},
		"extra": {
			reason:  "What another role of the same holder covers proves nothing; all else does.",
			without: `"verb":"list"`,
			more: `{"verb":"list","objectRef":{"resource":"pods"},` + extra + "\n" + `{"verb":"delete","objectRef":{"resource":"pods"},` + extra + "\n" +
				`{"verb":"watch","objectRef":{"resource":"pods"},` + extra,
			want: result{Unused: []string{"readers list pods in reader"}, Ungranted: []string{"readers delete pods: 1, 0"}},
		},
		"websocket": {
			reason: "Who opens a WebSocket to a pod gets, and needs to be allowed to create.",
			more:   `{"verb":"get","objectRef":{"resource":"pods","subresource":"exec"},` + listed + `"allow"}}`,
			want:   result{Ungranted: []string{"readers create pods/exec: 1, 0", "readers get pods/exec: 1, 0"}},
		},
		"killed": {
			reason: "An API server that is killed leaves half a line, and goes on behind it when it starts again.",
			more:   `{"verb":"del{"verb":"list"` + "\n" + `{"verb":"delete","objectRef":{"resource":"pods"},` + listed + `"forbid"}}`,
			want:   result{Ungranted: []string{"readers delete pods: 0, 1"}},
		},
		"never-used": {
			reason: "An exception keeps a grant that no story uses.", without: `"verb":"watch"`,
			exceptions: []Exception{watch},
		},
		"never-used-no-more": {
			reason:     "It goes when one does.",
			exceptions: []Exception{watch},
			want:       result{Needless: 1},
		},
		"sometimes-used": {
			reason:     "What a race decides is no finding, used or not.",
			exceptions: []Exception{{Holder: "readers", Resource: "pods", Verbs: []string{"watch"}, Sometimes: true}},
		},
		"sometimes-not-used": {
			reason: "The same.", without: `"verb":"watch"`,
			exceptions: []Exception{{Holder: "readers", Resource: "pods", Verbs: []string{"watch"}, Sometimes: true}},
		},
		"elsewhere-did-not-run": {
			reason: "Where the program that needs a grant does not run, nobody can tell.", without: `"verb":"watch"`,
			exceptions: []Exception{only(watch)},
			want:       result{Unjudged: []string{"readers watch pods in reader"}},
		},
		"elsewhere-ran": {
			reason: "Where it runs, it uses the grant.", without: `"verb":"watch"`,
			program: "containers", more: `{"verb":"watch","objectRef":{"resource":"pods"},` + listed + `"allow"}}`,
			exceptions: []Exception{only(watch)},
		},
		"elsewhere-ran-in-vain": {
			reason: "Or the grant is too much.", without: `"verb":"watch"`,
			program:    "containers",
			exceptions: []Exception{only(watch)},
			want:       result{Unused: []string{"readers watch pods in reader"}},
		},
		"elsewhere-and-here": {
			reason:     "If others use it as well, it can be told everywhere.",
			program:    "containers",
			more:       `{"verb":"watch","objectRef":{"resource":"pods"},` + listed + `"allow"}}`,
			exceptions: []Exception{only(watch)},
			want:       result{Needless: 1},
		},
		"partial": {
			reason: "If only some stories ran, what was used still has to be granted.", partial: true, without: `"verb":"watch"`,
			more: `{"verb":"delete","objectRef":{"resource":"pods"},` + listed + `"forbid"}}`,
			want: result{Ungranted: []string{"readers delete pods: 0, 1"}},
		},
	}
	grants, err := Expand(objectsIn(t, filepath.Join("testdata", "roles.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join("testdata", "used.log"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := Evidence{Grants: grants, Partial: c.partial, Uses: NewUses(whose), Programs: map[string]bool{"stories": true}}
			e.Extra, e.As = []Grant{{Holder: "chief", Verb: "list", Resource: "pods"}}, map[string]string{"chief": "readers"}
			if err := e.Uses.Read("stories", bytes.NewReader(leaveOut(log, c.without))); err != nil {
				t.Fatal(err)
			}
			program := "stories"
			if c.program != "" {
				program = c.program
				e.Programs[program] = true
			}
			if err := e.Uses.Read(program, strings.NewReader(c.more)); err != nil {
				t.Fatal(err)
			}
			v := Judge(e, c.exceptions)
			got := result{Needless: len(v.Needless)}
			for _, g := range v.Unused {
				got.Unused = append(got.Unused, strings.Join(g.cells(), " "))
			}
			for _, g := range v.Unjudged {
				got.Unjudged = append(got.Unjudged, strings.Join(g.Grant.cells(), " "))
			}
			for _, u := range v.Ungranted {
				got.Ungranted = append(got.Ungranted, shortly(u))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", c.reason, diff)
			}
			if clean := len(c.want.Unused)+len(c.want.Ungranted)+c.want.Needless == 0; v.OK() != clean {
				t.Errorf("OK is %t", v.OK())
			}
		})
	}
}

func only(x Exception) Exception {
	x.Only = []string{"containers", "others"}
	return x
}

func shortly(u Ungranted) string {
	counts := []string{}
	for _, n := range []int{u.Allowed, u.Forbidden} {
		counts = append(counts, string(rune('0'+n)))
	}
	return u.Holder + " " + u.Verb + " " + u.Resource + ": " + strings.Join(counts, ", ")
}

func whose(user string, groups []string) string {
	if slices.Contains(groups, "readers") {
		return "readers"
	}
	if user == leader || user == "chief" {
		return user
	}
	return ""
}

func leaveOut(log []byte, with string) []byte {
	if with == "" {
		return log
	}
	var kept []byte
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, []byte(with)) {
			kept = append(kept, line...)
		}
	}
	return kept
}

func objectsIn(t *testing.T, path string) (objects []*unstructured.Unstructured) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, &object)
	}
}
