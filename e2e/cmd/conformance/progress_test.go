package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const someOutput = `Will run 4 of 3206 specs
------------------------------
S [SKIPPED] [0.068 seconds]
• [4.052 seconds]
• [FAILED] [300.400 seconds]
  • [1.000 seconds] is what a spec printed
SSSS•SS
• [TIMEDOUT] [9.000 seconds]
Ran 4 of 3206 Specs in 1 second`

func TestProgress(t *testing.T) {
	var got progress
	for line := range strings.Lines(someOutput) {
		got.count(line)
	}
	if diff := cmp.Diff(progress{done: 3, failed: 2, skipped: 1}, got, cmp.AllowUnexported(progress{})); diff != "" {
		t.Errorf("what was counted (-want +got):\n%s", diff)
	}
}

func TestTellProgress(t *testing.T) {
	var told bytes.Buffer
	if err := tellProgress(strings.NewReader(someOutput), &told, kubelet); err != nil {
		t.Error(err)
	}
	const want = "kubelet: Will run 4 of 3206 specs\nkubelet: Ran 4 of 3206 Specs in 1 second"
	if diff := cmp.Diff(want, told.String()); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
	if err := tellProgress(iotest.ErrReader(iotest.ErrTimeout), &told, kubelet); err == nil {
		t.Error("an output that breaks off is no error")
	}
}

func TestFocus(t *testing.T) {
	for run, want := range map[string]string{
		"":    `\[NodeConformance\]`,
		"a|b": `(a|b).*\[NodeConformance\]|\[NodeConformance\].*(a|b)`,
	} {
		if got := focus(run); got != want {
			t.Errorf("focus(%q) is %s, want %s", run, got, want)
		}
	}
}
