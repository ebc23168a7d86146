package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestDemo is what `make demo ONCE=1` does. The first time it builds everything.
func TestDemo(t *testing.T) {
	var out bytes.Buffer
	began := time.Now()
	if err := show(t.Context(), &out, t.TempDir(), true); err != nil {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	if n := strings.Count(out.String(), " holds"); n != 20 {
		t.Errorf("%d pods of 20 were found where they may be", n)
	}
	if n := strings.Count(out.String(), ", with log-agent"); n != 3 {
		t.Errorf("%d pods of 3 were found with a log agent", n)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if err := show(ctx, &bytes.Buffer{}, t.TempDir(), false); err == nil {
		t.Error("an interrupted demo succeeded")
	}
}

func TestJudgeAll(t *testing.T) {
	workloads, err := readStory()
	if err != nil {
		t.Fatal(err)
	}
	web := workloads[0] // asks for disktype=ssd
	ssd := playground.FakeNode("fits", playground.Label("disktype", "ssd"))
	hdd := playground.FakeNode("other", playground.Label("disktype", "hdd"))

	cases := map[string]struct {
		reason               string
		upstream, downstream string
		holds                bool
		sentence             string
	}{
		"holds":         {"an SSD was asked for", virtualNode, "fits", true, "holds"},
		"violated":      {"a hard disk was not", virtualNode, "other", false, "VIOLATED: node other has not the labels it requires"},
		"not-virtual":   {"a pod that never left proves nothing", "own-1", "fits", false, "NOT ON THE VIRTUAL NODE"},
		"not-scheduled": {"a pod without a node runs nowhere", virtualNode, "", false, "NOT ON A DOWNSTREAM NODE"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := pair{workload: web, upstream: podOn(tc.upstream), downstream: podOn(tc.downstream)}
			got := judgeAll([]pair{p}, []*corev1.Node{ssd, hdd})[0]
			if got.holds != tc.holds || got.sentence != tc.sentence {
				t.Errorf("%s: got %t, %q, want %t, %q", tc.reason, got.holds, got.sentence, tc.holds, tc.sentence)
			}
		})
	}
}

func TestEmptyStage(t *testing.T) {
	t.Run("keeps what is not a demo's", func(t *testing.T) {
		dir := t.TempDir()
		precious := filepath.Join(dir, "thesis.txt")
		if err := os.WriteFile(precious, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := emptyStage(dir); err == nil {
			t.Error("it took a folder that holds something else")
		}
		if _, err := os.Stat(precious); err != nil {
			t.Error(err)
		}
	})
	t.Run("empties an earlier demo's, not a running one's", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "new")
		_, release, err := emptyStage(dir)
		if err != nil {
			t.Fatal(err)
		}
		old := filepath.Join(dir, "upstream")
		if err := os.Mkdir(old, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, _, err := emptyStage(dir); err == nil {
			t.Error("it took a folder that is in use")
		}
		release()
		_, again, err := emptyStage(dir)
		if err != nil {
			t.Fatal(err)
		}
		again()
		if _, err := os.Stat(old); err == nil {
			t.Error("the earlier demo's files are still there")
		}
	})
}

func podOn(node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceDefault, Name: "web-1"},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
}
