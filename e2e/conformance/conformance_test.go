package conformance

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shortReport is cut from a report of ginkgo's.
const shortReport = `[{"SuiteSucceeded": false, "PreRunStats": {"TotalSpecs": 6, "SpecsThatWillRun": 4},
	"SuiteConfig": {"FocusStrings": ["Pods"], "SkipStrings": null}, "SpecReports": [
	{"ContainerHierarchyTexts": null, "LeafNodeType": "SynchronizedBeforeSuite", "LeafNodeText": "", "State": "passed", "NumAttempts": 1},
	{"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "LeafNodeText": "run", "State": "passed", "NumAttempts": 1},
	{"ContainerHierarchyTexts": ["[sig-node] Pods", "when told"], "LeafNodeType": "It", "LeafNodeText": "stop", "State": "failed", "NumAttempts": 1},
	{"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "LeafNodeText": "hang", "State": "timedout", "NumAttempts": 1},
	{"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "LeafNodeText": "open windows", "State": "skipped", "NumAttempts": 1},
	{"ContainerHierarchyTexts": ["[sig-apps] Jobs"], "LeafNodeType": "It", "LeafNodeText": "run", "State": "skipped", "NumAttempts": 0}
]}]`

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason string
		report string
		want   Report
		err    error
	}{
		"outcomes": {
			reason: "what was run counts, what the focus left out does not",
			report: shortReport,
			want: Report{Focus: []string{"Pods"}, Results: Results{
				"[sig-node] Pods run": Passed, "[sig-node] Pods when told stop": Failed,
				"[sig-node] Pods hang": Failed, "[sig-node] Pods open windows": Skipped,
			}},
		},
		"interrupted": {
			reason: "half a run is none",
			report: `[{"PreRunStats": {"SpecsThatWillRun": 1}, "SpecReports": [{"LeafNodeType": "It", "LeafNodeText": "run", "State": "skipped"}]}]`,
			want:   Report{Results: Results{}},
			err:    ErrIncomplete,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Read(strings.NewReader(tc.report))
			if !errors.Is(err, tc.err) {
				t.Errorf("%s: the error is %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
	if _, err := Read(strings.NewReader("{")); err == nil {
		t.Error("what is no report is read")
	}
}

func TestWrite(t *testing.T) {
	runs := Runs{
		Kubelet:     Results{"a": Passed, "b one": Passed, "b two": Passed, "d": Failed, "e": Passed, "s": Skipped},
		VirtualNode: Results{"a": Passed, "b one": Failed, "b two": Skipped, "d": Failed, "s": Skipped},
		About:       "Run somewhere.",
	}
	const below = "\n## Causes\n\n| specs | cause |\n|---|---|\n" +
		"| `^(b\\|x) ` | It has *no* bell. |\n| `one` | never reached |\n\n| image | here |\n"
	const want = "| node | passed | failed | skipped |\n|---|---|---|---|\n" +
		"| kubelet | 4 | 1 | 1 |\n| virtual node | 1 | 2 | 2 |\n" +
		"\n# Conformance\n\nRun somewhere.\n" +
		"\n## What differs\n\n" +
		"It has *no* bell.\n\n<details><summary>2 specs</summary>\n\n" +
		"- `b one`: passed on the kubelet, failed on the virtual node\n" +
		"- `b two`: passed on the kubelet, skipped on the virtual node\n\n</details>\n\n" +
		"Nobody has said why yet.\n\n<details><summary>1 spec</summary>\n\n" +
		"- `e`: passed on the kubelet, not run on the virtual node\n\n</details>\n\n" +
		"## What fails on both\n\n" +
		"Nobody has said why yet.\n\n<details><summary>1 spec</summary>\n\n" +
		"- `d`: failed on the kubelet, failed on the virtual node\n\n</details>\n\n" +
		end + below

	page := "an older head\n" + end + below
	for range 2 { // what it wrote, it reads
		var noCause []string
		var err error
		if page, noCause, err = Write(page, runs); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, page); diff != "" {
			t.Errorf("the page (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"e"}, noCause); diff != "" {
			t.Errorf("what has no cause (-want +got):\n%s", diff)
		}
	}
	if first, _, err := Write("", runs); err != nil || !strings.HasSuffix(first, end) {
		t.Errorf("without an older page: %v\n%s", err, first)
	}
	if _, _, err := Write("what people wrote", runs); err == nil {
		t.Error("a page without the line that parts it was written over")
	}
	if _, _, err := Write(end+"| `(` | why |\n", runs); err == nil {
		t.Error("a cause that is for no specs is none")
	}
}
