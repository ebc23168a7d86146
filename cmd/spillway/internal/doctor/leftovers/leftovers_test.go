package leftovers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/provider/orphans"
	"github.com/spillway-io/spillway/provider/references"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// theNow is when everything below is judged.
func theNow() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func rules() translate.Rules {
	return translate.Rules{Identity: translate.Identity{UpstreamID: "up", Node: stash.VirtualNode{Name: "east"}}}
}

// below is a downstream pod of ours, and above the upstream pod that it is for.
func below(name string) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("down-" + name), CreationTimestamp: metav1.Time{Time: theNow().Add(-time.Hour)}}}
	rules().Mark(&pod.ObjectMeta, types.UID("up-"+name))
	return pod
}

func above(name string) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("up-" + name)}, Spec: corev1.PodSpec{NodeName: "east"}}
}

func many(n int, of func(string) corev1.Pod) []corev1.Pod {
	var pods []corev1.Pod
	for i := range n {
		pods = append(pods, of(fmt.Sprintf("web-%02d", i)))
	}
	return pods
}

func check(t *testing.T, reason string, found []finding.Finding, want []string, fix string) {
	t.Helper()
	var got []string
	for _, f := range found {
		got = append(got, fmt.Sprintf("%s %s %d", f.Severity, f.Cause, len(f.Details)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: -want +got:\n%s", reason, diff)
	}
	if len(found) > 0 && !strings.Contains(found[0].Fix, fix) {
		t.Errorf("%s: it says to do %q, want %q", reason, found[0].Fix, fix)
	}
}

func TestJudgePods(t *testing.T) {
	for name, tc := range map[string]struct {
		reason       string
		pods, others []corev1.Pod
		mode         orphans.Mode
		want         []string
		fix          string
	}{
		"none": {reason: "each has its own", pods: many(3, below), others: many(3, above)},
		"one":  {reason: "the virtual node deletes it", pods: many(3, below), others: many(2, above), want: []string{"warning orphans 1"}, fix: "kubectl describe node east"},
		"mass": {
			reason: "so many wait for somebody's word", pods: many(20, below), others: many(2, above), want: []string{"warning orphans 18"},
			fix: "kubectl annotate --overwrite node east spillway.io/delete-orphans=18",
		},
		"preview": {reason: "it is told not to", pods: many(3, below), others: many(2, above), mode: orphans.Preview, want: []string{"warning orphans 1"}, fix: "--delete-orphans=delete"},
		"mapped": {reason: "namespaces have other names than one thinks, UIDs have not", pods: many(1, below), others: []corev1.Pod{func() corev1.Pod {
			pod := above("web-00")
			pod.Namespace = "elsewhere"
			return pod
		}()}},
	} {
		t.Run(name, func(t *testing.T) {
			w := World{Node: "east", Rules: rules(), Pods: tc.pods, UpstreamPods: tc.others, Delete: tc.mode, Now: theNow()}
			check(t, tc.reason, JudgePods(w), tc.want, tc.fix)
		})
	}
	w := World{Node: "east", Rules: rules(), Pods: many(1, below), Now: theNow()}
	if got, want := JudgePods(w)[0].Details[0], "pod shop/web-00, 60m old: its upstream pod shop/web-00 is gone, and it runs on without it"; got != want {
		t.Errorf("it lists %q, want %q", got, want)
	}
}

func TestJudgeCopies(t *testing.T) {
	user := below("web")
	user.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "used"}}}}}
	copied := func(name string) Copy {
		return Copy{Copy: references.Copy{Key: references.Key{Kind: translate.ConfigMap, Namespace: "shop", Name: name}}, Created: theNow()}
	}
	w := World{Node: "east", Rules: rules(), Pods: []corev1.Pod{user}, Copies: []Copy{copied("used")}, Now: theNow()}
	check(t, "a pod uses it", JudgeCopies(w), nil, "")
	w.Copies = append(w.Copies, copied("unused"))
	check(t, "nobody uses it", JudgeCopies(w), []string{"note unused-copies 1"}, "it deletes them")
	w.Collect = references.Preview
	check(t, "and it is told to leave it", JudgeCopies(w), []string{"note unused-copies 1"}, "--collect-garbage=collect")
}

func TestJudgeClaims(t *testing.T) {
	held := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data"}}
	rules().Mark(&held.ObjectMeta, "claim")
	claim := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data", UID: "claim"}}
	w := World{Node: "east", Rules: rules(), Claims: []corev1.PersistentVolumeClaim{held}, UpstreamClaims: []corev1.PersistentVolumeClaim{claim}}
	check(t, "its claim is there", JudgeClaims(w), nil, "")
	w.UpstreamClaims = nil
	check(t, "its claim is gone", JudgeClaims(w), []string{"note claims-left-over 1"}, "delete pvc -n shop data")
}

func TestJudgeBereft(t *testing.T) {
	pod := func(node, uid string) metav1.PartialObjectMetadata {
		return metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web", Labels: map[string]string{"spillway.io/upstream": "up", "spillway.io/virtual-node": node}, Annotations: map[string]string{"spillway.io/upstream-uid": uid},
		}}
	}
	pods := []metav1.PartialObjectMetadata{pod("east", "1"), pod("gone", "2"), pod("gone", "3"), pod("unmarked", "")}
	check(t, "those of a node that is no more", JudgeBereft(pods, map[string]bool{"east": true}, "up", "a file", theNow()),
		[]string{"warning node-gone 2"}, "-l spillway.io/upstream=up,spillway.io/virtual-node=gone")
}
