package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDirections(t *testing.T) {
	cases := map[string]struct {
		only string
		want []direction
	}{
		"both":           {only: "", want: []direction{{"v1.35.4", "v1.37.0"}, {"v1.37.0", "v1.35.4"}}},
		"older-above":    {only: "up", want: []direction{{"v1.35.4", "v1.37.0"}}},
		"older-below":    {only: "down", want: []direction{{"v1.37.0", "v1.35.4"}}},
		"no-such-option": {only: "sideways"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := directions(c.only)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(direction{})); diff != "" || (err != nil) != (c.want == nil) {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	cases := map[string]struct {
		reason string
		events string
		goTest error
		// says are parts of what is printed, quiet are not.
		says, quiet []string
		wrong       string
	}{
		"all-pass": {
			reason: "a story that passes is a line, and its output is nobody's business",
			events: `{"Action":"output","Package":"a/stories","Test":"TestOne","Output":"chatter\n"}
				{"Action":"pass","Package":"a/stories","Test":"TestOne/sub","Elapsed":1}
				{"Action":"pass","Package":"a/stories","Test":"TestOne","Elapsed":1.25}
				{"Action":"pass","Package":"a/stories","Elapsed":2}`,
			says:  []string{"   1  pass  stories/TestOne  1.2 s\n", "v1.35.4   v1.37.0     1       0       0        0 "},
			quiet: []string{"chatter", "sub"},
		},
		"one-fails": {
			reason: "whoever reads it needs what the story and its parts said",
			events: `{"Action":"output","Package":"a/stories","Test":"TestOne/sub","Output":"broken\n"}
				{"Action":"fail","Package":"a/stories","Test":"TestOne/sub","Elapsed":1}
				{"Action":"fail","Package":"a/stories","Test":"TestOne","Elapsed":1}
				{"Action":"pass","Package":"a/stories","Test":"TestTwo","Elapsed":1}
				{"Action":"fail","Package":"a/stories","Elapsed":2}`,
			goTest: errors.New("exit status 1"),
			says:   []string{"fail  stories/TestOne", "broken", "1       1       0"},
			wrong:  "upstream v1.35.4, downstream v1.37.0: failed: stories/TestOne",
		},
		"stage-fails": {
			reason: "without a stage there is no story that could fail",
			events: `{"Action":"output","Package":"a/stories","Output":"cannot set the stage\n"}
				{"Action":"fail","Package":"a/stories","Elapsed":2}`,
			goTest: errors.New("exit status 1"),
			says:   []string{"cannot set the stage"},
			wrong:  "failed: stories; no story passed",
		},
		"other-stage-fails": {
			reason: "all stories that were told passed, but those of the other package were not told",
			events: `{"Action":"pass","Package":"a/stories","Test":"TestOne","Elapsed":0}
				{"Action":"fail","Package":"a/containers","Elapsed":0}`,
			goTest: errors.New("exit status 1"),
			wrong:  "failed: containers",
		},
		"skipped": {
			reason: "a skipped story judges nothing, however it is excused",
			events: `{"Action":"skip","Package":"a/stories","Test":"TestOne","Elapsed":0}
				{"Action":"pass","Package":"a/stories","Test":"TestTwo","Elapsed":0}`,
			wrong: "skipped: stories/TestOne",
		},
		"ended-early": {
			reason: "go test may be killed after stories that passed",
			events: `{"Action":"pass","Package":"a/stories","Test":"TestOne","Elapsed":0}`,
			goTest: errors.New("signal: killed"),
			wrong:  "signal: killed",
		},
		"left-out": {
			reason: "a package that cannot run here passes",
			events: `{"Action":"pass","Package":"a/stories","Test":"TestOne","Elapsed":0}
				{"Action":"output","Package":"a/containers","Output":"e2e/containers: none of these tests could run here: TestTwo.\n"}
				{"Action":"output","Package":"a/containers","Output":"not root\n"}
				{"Action":"pass","Package":"a/containers","Elapsed":1}`,
			says: []string{"1       0       0        1 ", "# containers: e2e/containers: none of these tests could run here: TestTwo."},
		},
		"same-name": {
			reason: "a story may be told in both packages",
			events: `{"Action":"output","Package":"a/containers","Test":"TestOne","Output":"of another\n"}
				{"Action":"fail","Package":"a/stories","Test":"TestOne","Elapsed":0}
				{"Action":"pass","Package":"a/containers","Test":"TestOne","Elapsed":0}`,
			says:  []string{"pass  containers/TestOne"},
			quiet: []string{"of another"},
			wrong: "failed: stories/TestOne",
		},
		"not-judged": {
			reason: "it is no failure, so it must not be overlooked",
			events: `{"Action":"output","Package":"a/stories","Test":"TestOne/a","Output":"    versions_test.go:1: NOT JUDGED: resizing at v1.35.4\n"}
				{"Action":"output","Package":"a/stories","Test":"TestOne/b","Output":"    versions_test.go:1: NOT JUDGED: resizing at v1.35.4\n"}
				{"Action":"pass","Package":"a/stories","Test":"TestOne","Elapsed":1}`,
			says: []string{"1       0       0        1 ", "##### NOT JUDGED (upstream v1.35.4, downstream v1.37.0) #####\n# stories/TestOne: resizing at v1.35.4\n"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			counted, err := listen(strings.NewReader(c.events), &out)
			if err != nil {
				t.Fatal(err)
			}
			err = conclude(&out, []result{{direction: direction{"v1.35.4", "v1.37.0"}, tally: counted, err: c.goTest}})
			if (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: the error is %v, want %q", c.reason, err, c.wrong)
			}
			for _, part := range c.says {
				if !strings.Contains(out.String(), part) {
					t.Errorf("%s: it does not say %q:\n%s", c.reason, part, out.String())
				}
			}
			for _, part := range c.quiet {
				if strings.Contains(out.String(), part) {
					t.Errorf("%s: it says %q:\n%s", c.reason, part, out.String())
				}
			}
		})
	}
}
