package sidecar

import (
	"fmt"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestVersionFor: which of two versions a pod gets.
func TestVersionFor(t *testing.T) {
	canaries := &metav1.LabelSelector{MatchLabels: map[string]string{"canary": "true"}}
	all, none := intstr.FromString("100%"), intstr.FromString("0%")
	number := intstr.FromInt32(100)
	cases := map[string]struct {
		reason   string
		policy   v1alpha1.SidecarSetInjectRevisionPolicy
		strategy v1alpha1.SidecarSetUpdateStrategy
		had      Entry
		live     string // its revision, and hash
		pinned   bool
	}{
		"always":            {reason: "whatever the update strategy", policy: "Always", strategy: v1alpha1.SidecarSetUpdateStrategy{Partition: &none}, pinned: true},
		"always-had":        {reason: "the pod is new, it only looks like one that is not", policy: "Always", had: Entry{Hash: "live"}, pinned: true},
		"partial":           {reason: "no partition is 0%", policy: "Partial"},
		"number":            {reason: "no share of pods that are created one by one", policy: "Partial", strategy: v1alpha1.SidecarSetUpdateStrategy{Partition: &number}},
		"all":               {reason: "nobody gets the latest", policy: "Partial", strategy: v1alpha1.SidecarSetUpdateStrategy{Partition: &all}, pinned: true},
		"none":              {reason: "everybody does", policy: "Partial", strategy: v1alpha1.SidecarSetUpdateStrategy{Partition: &none}},
		"paused":            {reason: "no pod is updated", policy: "Partial", strategy: v1alpha1.SidecarSetUpdateStrategy{Paused: true}, pinned: true},
		"not-selected":      {reason: "this pod is not updated", policy: "Partial", strategy: v1alpha1.SidecarSetUpdateStrategy{Selector: canaries}, pinned: true},
		"had-live":          {reason: "by the hash", policy: "Partial", strategy: v1alpha1.SidecarSetUpdateStrategy{Partition: &all}, had: Entry{Hash: "live"}},
		"had-pinned":        {reason: "by the hash", policy: "Partial", had: Entry{Hash: "pinned"}, pinned: true},
		"had-neither":       {reason: "a copy of an old pod", policy: "Partial", had: Entry{Hash: "older", ControllerRevision: "set-0"}},
		"had-older-pinned":  {reason: "the defaults have changed since, and with them the hash", policy: "Partial", had: Entry{Hash: "older", ControllerRevision: "set-1"}, pinned: true},
		"stale-revision":    {reason: "the live set's revision is not known yet, and the former one is the pinned", policy: "Partial", had: Entry{Hash: "pinned", ControllerRevision: "set-1"}, live: "set-1", pinned: true},
		"unknown-revisions": {reason: "nothing is known but the hash", policy: "Partial", had: Entry{Hash: "older"}, live: "none"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object := &v1alpha1.SidecarSet{}
			object.Spec.UpdateStrategy = tc.strategy
			object.Spec.InjectionStrategy.Revision = &v1alpha1.SidecarSetInjectRevision{Policy: tc.policy}
			set := &Set{Object: object, Hash: "live", Revision: "set-2", Pinned: &Set{Object: object, Hash: "pinned", Revision: "set-1"}}
			switch tc.live {
			case "":
			case "none":
				set.Revision = ""
			default:
				set.Revision = tc.live
			}
			if got := set.versionFor(&corev1.Pod{}, tc.had, "web-1"); (got == set.Pinned) != tc.pinned {
				t.Errorf("%s: pinned: %t", tc.reason, got == set.Pinned)
			}
		})
	}
}

// TestPartialShare: the share of pods is as asked for, a pod always draws the same
// lot, for each set another one, and a larger share has all pods of a smaller.
func TestPartialShare(t *testing.T) {
	share := func(set string, percent int) map[string]bool {
		partition := intstr.FromString(fmt.Sprintf("%d%%", percent))
		object := &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: set}}
		object.Spec.UpdateStrategy.Partition = &partition
		object.Spec.InjectionStrategy.Revision = &v1alpha1.SidecarSetInjectRevision{Policy: "Partial"}
		s := &Set{Object: object, Pinned: &Set{Object: object}}
		pinned := map[string]bool{}
		for n := range 1000 {
			if key := fmt.Sprintf("web-6d4cf56db6-%04x", n); s.versionFor(&corev1.Pod{}, Entry{}, key) == s.Pinned {
				pinned[key] = true
			}
		}
		return pinned
	}
	before := map[string]bool{}
	for _, percent := range []int{0, 1, 10, 30, 50, 90, 99, 100} {
		pinned := share("logs", percent)
		if n := len(pinned); n < percent*10-45 || n > percent*10+45 || percent%100 == 0 && n != percent*10 {
			t.Errorf("%d%% of 1000 pods: %d", percent, n)
		}
		for key := range before {
			if !pinned[key] {
				t.Fatalf("%s is in the smaller share, but not in %d%%", key, percent)
			}
		}
		before = pinned
	}
	both := 0
	for key := range share("metrics", 50) {
		if share := lot("logs", key) < 50; share {
			both++
		}
	}
	if both < 200 || both > 300 {
		t.Errorf("of 1000 pods %d are in the halves of two sets, want about 250: lots of sets depend on each other", both)
	}
}
