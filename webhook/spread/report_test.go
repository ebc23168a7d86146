package spread_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

func TestReport(t *testing.T) {
	status := func(name string, replicas, missing int32, creating ...string) v1alpha1.WorkloadSpreadSubsetStatus {
		s := v1alpha1.WorkloadSpreadSubsetStatus{Name: name, Replicas: replicas, MissingReplicas: missing}
		for _, key := range creating {
			if s.CreatingPods == nil {
				s.CreatingPods = map[string]metav1.Time{}
			}
			s.CreatingPods[key] = at(-10)
		}
		return s
	}
	type statuses = []v1alpha1.WorkloadSpreadSubsetStatus
	cases := map[string]struct {
		reason    string
		view      spread.View
		total     statuses
		versioned map[string]statuses
		wake      time.Time
	}{
		"empty": {
			reason: "without pods every slot is missing, and no version is listed",
			view:   viewOf("2"),
			total:  statuses{status("a", 0, 2), status("b", 0, -1)},
		},
		"rebuilt": {
			reason:    "W4: a status that was wiped, or never was, is made from the pods",
			view:      viewOf("2", pods(podOf("p1", "a"), podOf("p2", "a"), podOf("p3", "b"))),
			total:     statuses{status("a", 2, 0), status("b", 1, -1)},
			versioned: map[string]statuses{"v1": {status("a", 2, 0), status("b", 1, -1)}},
		},
		"inactive": {
			reason: "finished and terminating pods take no slot",
			view: viewOf("2", pods(podOf("p1", "a"), podOf("p2", "a", deleted),
				podOf("p3", "a", inPhase(corev1.PodFailed)), podOf("p4", "a", inPhase(corev1.PodSucceeded)))),
			total:     statuses{status("a", 1, 1), status("b", 0, -1)},
			versioned: map[string]statuses{"v1": {status("a", 1, 1), status("b", 0, -1)}},
		},
		"refused-eviction": {
			reason:    "W2: what somebody asked to delete counts until it is deleted; deletingPods of others mean nothing",
			view:      viewOf("2", deletingPod("v1", "a", "p1"), pods(podOf("p1", "a"), podOf("p2", "a"))),
			total:     statuses{status("a", 2, 0), status("b", 0, -1)},
			versioned: map[string]statuses{"v1": {status("a", 2, 0), status("b", 0, -1)}},
		},
		"versions": {
			reason: "W8: each version has its own count, the total is of all",
			view:   viewOf("50%", pods(podOf("p1", "a"), podOf("p2", "a", oldVersion), podOf("p3", "b", oldVersion))),
			total:  statuses{status("a", 2, 0), status("b", 1, -1)},
			versioned: map[string]statuses{
				"v0": {status("a", 1, 1), status("b", 1, -1)},
				"v1": {status("a", 1, 1), status("b", 0, -1)},
			},
		},
		"reservations": {
			reason: "a reservation stays for its time, seen or not, but takes a slot only while unseen",
			view: viewOf("4", reserved("v1", "a", "u1", -10), reserved("v1", "b", "p2", -10), pods(
				podOf("p1", "", annotated(api.MatchedWorkloadSpreadAnnotation, `{"Name":"ws","Subset":"a","uid":"u0"}`)),
				podOf("p2", "b"),
			)),
			total:     statuses{status("a", 1, 2), status("b", 1, -1)},
			versioned: map[string]statuses{"v1": {status("a", 1, 2, "u1"), status("b", 1, -1, "p2")}},
			wake:      at(20).Time,
		},
		"expired-reservation": {
			reason: "W3: a reservation without a pod ends, and with it a version without pods",
			view:   viewOf("2", reserved("v2", "a", "u1", -30)),
			total:  statuses{status("a", 0, 2), status("b", 0, -1)},
		},
		"strangers": {
			reason: "pods of no subset, of one that was removed, or of another WorkloadSpread are in no count",
			view: viewOf("2", pods(podOf("p1", ""), podOf("p2", "gone"),
				podOf("p3", "", annotated(api.MatchedWorkloadSpreadAnnotation, `{"name":"other","subset":"a"}`)))),
			total: statuses{status("a", 0, 2), status("b", 0, -1)},
		},
		"percent": {
			reason: "percentages are rounded up",
			view:   viewOf("34%", pods(podOf("p1", "a"))),
			total:  statuses{status("a", 1, 1), status("b", 0, -1)}, versioned: map[string]statuses{"v1": {status("a", 1, 1), status("b", 0, -1)}},
		},
		"percent-of-nothing": {
			reason: "W7: of a base that is not known nothing is missing, rather than all",
			view:   viewOf("50%", func(v *spread.View) { v.Target = spread.Target{} }),
			total:  statuses{status("a", 0, 0), status("b", 0, -1)},
		},
		"no-versions": {
			reason:    "pods of other kinds than Deployments and ReplicaSets have one version",
			view:      viewOf("2", target("batch/v1", "Job"), pods(podOf("p1", "a"), podOf("p2", "b", oldVersion))),
			total:     statuses{status("a", 1, 1), status("b", 1, -1)},
			versioned: map[string]statuses{spread.VersionIgnored: {status("a", 1, 1), status("b", 1, -1)}},
		},
		"no-subsets": {
			reason: "a WorkloadSpread nobody validated does not end the process",
			view: viewOf("", pods(podOf("p1", "a")), reserved("v1", "a", "u", -1),
				func(v *spread.View) { v.Spread.Spec.Subsets = nil }),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := tc.view.Spread.DeepCopy()
			got := tc.view.Report()
			if tc.versioned == nil {
				tc.versioned = map[string]statuses{}
			}
			want := v1alpha1.WorkloadSpreadStatus{ObservedGeneration: 7, SubsetStatuses: tc.total, VersionedSubsetStatuses: tc.versioned}
			if diff := cmp.Diff(want, got.Status); diff != "" {
				t.Errorf("%s: status: -want +got:\n%s", tc.reason, diff)
			}
			if !tc.wake.Equal(got.Wake) {
				t.Errorf("%s: wakes at %v, want %v", tc.reason, got.Wake, tc.wake)
			}
			if diff := cmp.Diff(before, tc.view.Spread); diff != "" {
				t.Errorf("%s: the WorkloadSpread was modified: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestExpiredReservationsCanWait: half a minute after a burst thousands of reservations
// expire, one after the other, and each is no reason to write all others once more. One
// without a pod is: a slot is free again.
func TestExpiredReservationsCanWait(t *testing.T) {
	begin := func(first string) spread.View {
		v := viewOf("9", pods(podOf("p1", "a"), podOf("p2", "a")), reserved("v1", "a", first, -10))
		v.Spread.Status.VersionedSubsetStatuses["v1"][0].CreatingPods["p2"] = at(-5)
		v.Spread.Status = v.Report().Status
		return v
	}
	cases := map[string]struct {
		first string
		now   int
		news  bool
		wake  int
	}{
		"nothing happened":              {"p1", 1, false, 25},
		"one of two expired":            {"p1", 21, false, 25},
		"the last expired":              {"p1", 26, true, 0},
		"without a pod":                 {"u1", 1, false, 20},
		"one without a pod has expired": {"u1", 21, true, 25},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := begin(tc.first)
			v.Now = at(tc.now).Time
			got := v.Report()
			want := time.Time{}
			if tc.wake > 0 {
				want = at(tc.wake).Time
			}
			if got.News != tc.news || !got.Wake.Equal(want) {
				t.Errorf("news %t, and it wakes at %v; want %t and %v", got.News, got.Wake, tc.news, want)
			}
		})
	}
}

func deletingPod(version, subset, key string) viewOption {
	return func(v *spread.View) {
		v.Spread.Status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{
			version: {{Name: subset, DeletingPods: map[string]metav1.Time{key: at(-1)}}},
		}
	}
}
