package spread_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

func TestReturnAfter(t *testing.T) {
	cases := map[string]struct {
		annotations map[string]string
		want        time.Duration
		fails       bool
	}{
		"absent":   {nil, 0, false},
		"minutes":  {map[string]string{api.ReturnToBaseAnnotation: "10m"}, 10 * time.Minute, false},
		"several":  {map[string]string{api.ReturnToBaseAnnotation: "1h30m"}, 90 * time.Minute, false},
		"empty":    {map[string]string{api.ReturnToBaseAnnotation: ""}, 0, true},
		"no-unit":  {map[string]string{api.ReturnToBaseAnnotation: "10"}, 0, true},
		"zero":     {map[string]string{api.ReturnToBaseAnnotation: "0s"}, 0, true},
		"negative": {map[string]string{api.ReturnToBaseAnnotation: "-1m"}, 0, true},
		"true":     {map[string]string{api.ReturnToBaseAnnotation: "true"}, 0, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ws := &v1alpha1.WorkloadSpread{}
			ws.Annotations = tc.annotations
			if got, err := spread.ReturnAfter(ws); got != tc.want || (err != nil) != tc.fails {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// returning has pods return after a minute of room.
func returning(v *spread.View) {
	v.Spread.Annotations = map[string]string{api.ReturnToBaseAnnotation: "1m"}
}

func replicas(n int32) viewOption {
	return func(v *spread.View) { v.Target.Replicas = &n }
}

func notReady(pod *corev1.Pod) { pod.Status.Conditions[1].Status = corev1.ConditionFalse }

func TestRoom(t *testing.T) {
	third := subset("c", patch(""))
	cases := map[string]struct {
		reason      string
		view        spread.View
		since, want map[string]time.Time
	}{
		"free": {
			"a free slot is room, and so is a subset without a cap",
			viewOf("2", pods(podOf("p1", "a"))), nil,
			map[string]time.Time{"a": noon(), "b": noon()},
		},
		"lasting": {
			"the time is that of the beginning",
			viewOf("2", pods(podOf("p1", "a"))),
			map[string]time.Time{"a": at(-9).Time},
			map[string]time.Time{"a": at(-9).Time, "b": noon()},
		},
		"full": {
			"and is forgotten when somebody takes the slot",
			viewOf("1", pods(podOf("p1", "a"))),
			map[string]time.Time{"a": at(-9).Time},
			map[string]time.Time{"b": noon()},
		},
		"reserved": {
			"also if nobody has seen who",
			viewOf("1", reserved("v1", "a", "u1", -1)),
			map[string]time.Time{"a": at(-9).Time},
			map[string]time.Time{"b": noon()},
		},
		"old-version": {
			"the latest version has slots of its own",
			viewOf("1", pods(podOf("p1", "a", oldVersion))), nil,
			map[string]time.Time{"a": noon(), "b": noon()},
		},
		"closed": {
			"slots without nodes are no room, nor is a subset that only a probe may enter",
			viewOf("2", adaptive(30), third, schedulable("a", isFalse, -5), schedulable("b", isUnknown, -5)),
			map[string]time.Time{"a": at(-9).Time, "b": at(-9).Time},
			map[string]time.Time{"c": noon()},
		},
		"fixed": {
			"a condition left over from Adaptive says nothing",
			viewOf("2", schedulable("a", isFalse, -5)), nil,
			map[string]time.Time{"a": noon(), "b": noon()},
		},
		"unknown": {
			"a percentage of nobody knows what",
			viewOf("50%", func(v *spread.View) { v.Target.Replicas = nil }), nil,
			map[string]time.Time{"b": noon()},
		},
		"removed": {
			"a subset that is gone",
			viewOf(""),
			map[string]time.Time{"x": at(-9).Time},
			map[string]time.Time{"a": noon(), "b": noon()},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.view.Room(tc.since)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReturn(t *testing.T) {
	both := pods(podOf("p1", "a"), podOf("q1", "b"))
	third := subset("c", patch(""))
	revision := func(hash string) podOption {
		return func(pod *corev1.Pod) { pod.Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: hash} }
	}
	cloneSet := func(v *spread.View) {
		target("apps.kruise.io/v1alpha1", "CloneSet")(v)
		v.Target.Version = spread.VersionIgnored
	}
	minute := map[string]time.Time{"a": at(-60).Time}
	cases := map[string]struct {
		reason string
		view   spread.View
		since  map[string]time.Time
		// want is pod, from, to; empty for none.
		want [3]string
		wake time.Time
	}{
		"return":     {reason: "a minute is over", view: viewOf("2", returning, replicas(2), both), since: minute, want: [3]string{"q1", "b", "a"}},
		"not-asked":  {reason: "nobody moves pods that run unless he is told to", view: viewOf("2", replicas(2), both), since: minute},
		"no-room":    {reason: "there is nowhere to return to", view: viewOf("2", returning, replicas(2), both), since: nil},
		"not-yet":    {reason: "a second is missing", view: viewOf("2", returning, replicas(2), both), since: map[string]time.Time{"a": at(-59).Time}, wake: at(1).Time},
		"at-home":    {reason: "nobody is away", view: viewOf("", returning, replicas(1), pods(podOf("p1", "a"))), since: minute},
		"later-room": {reason: "room in one's own subset or a later one is not earlier", view: viewOf("1", returning, replicas(2), both), since: map[string]time.Time{"b": at(-60).Time}},
		"youngest": {
			reason: "of several the one that a scale-in would take",
			view: viewOf("2", returning, replicas(3), both, pods(podOf("q0", "b", func(p *corev1.Pod) {
				p.Status.Conditions[1].LastTransitionTime = at(-30)
			}))), since: minute, want: [3]string{"q0", "b", "a"},
		},
		"latest-subset": {
			reason: "out of the latest subset that has any",
			view:   viewOf("2", returning, third, replicas(3), both, pods(podOf("r1", "c"))), since: minute, want: [3]string{"r1", "c", "a"},
		},
		"first-that-lasts": {
			reason: "where room has lasted, whatever may open before it",
			view:   viewOf("2", returning, third, replicas(3), both, pods(podOf("r1", "c"))),
			since:  map[string]time.Time{"a": at(-9).Time, "b": at(-70).Time}, want: [3]string{"r1", "c", "b"},
		},
		"no-subset": {reason: "a pod of no subset is not ours to move", view: viewOf("2", returning, replicas(2), pods(podOf("p1", "a"), podOf("q1", ""))), since: minute},
		"creating":  {reason: "a pod is still to come", view: viewOf("2", returning, replicas(3), both), since: minute},
		"surplus":   {reason: "a pod is still to go", view: viewOf("2", returning, replicas(1), both), since: minute},
		"going":     {reason: "one that goes is not there any more", view: viewOf("2", returning, replicas(2), both, pods(podOf("q2", "b", deleted))), since: minute, want: [3]string{"q1", "b", "a"}},
		"not-ready": {reason: "one at a time, and the last is not ready", view: viewOf("3", returning, replicas(3), both, pods(podOf("p2", "a", notReady))), since: minute},
		"rollout":   {reason: "the rollout will choose subsets anyway", view: viewOf("3", returning, replicas(3), both, pods(podOf("q2", "b", oldVersion))), since: minute},
		"no-wish":   {reason: "nobody knows whether all are there", view: viewOf("2", returning, both, func(v *spread.View) { v.Target.Replicas = nil }), since: minute},
		"no-version": {
			reason: "nobody knows which version is the latest",
			view:   viewOf("2", returning, replicas(2), both, func(v *spread.View) { v.Target.Version = "" }), since: minute,
		},
		"cloneset": {
			reason: "as good as a Deployment", view: viewOf("2", cloneSet, returning, replicas(2), pods(podOf("p1", "a", revision("r1")), podOf("q1", "b", revision("r1")))),
			since: minute, want: [3]string{"q1", "b", "a"},
		},
		"cloneset-rollout": {
			reason: "its revisions are one version, and yet it is not at rest",
			view:   viewOf("2", cloneSet, returning, replicas(2), pods(podOf("p1", "a", revision("r1")), podOf("q1", "b", revision("r2")))), since: minute,
		},
		"job":         {reason: "to a Job it would be a failure", view: viewOf("2", target("batch/v1", "Job"), returning, replicas(2), both), since: minute},
		"statefulset": {reason: "the ordinal decides, not room", view: viewOf("2", target("apps/v1", "StatefulSet"), returning, replicas(2), both), since: minute},
		"nothing":     {reason: "an empty workload is at rest", view: viewOf("2", returning, replicas(0)), since: minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r, ok, wake := tc.view.Return(tc.since)
			var got [3]string
			if ok {
				got = [3]string{r.Pod.Name, r.From, r.To}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if !tc.wake.Equal(wake) {
				t.Errorf("%s: wakes at %v, want %v", tc.reason, wake, tc.wake)
			}
		})
	}
}

func TestConfirmsReturn(t *testing.T) {
	v := viewOf("2", returning, replicas(2), pods(podOf("p1", "a"), podOf("q1", "b")))
	r, ok, _ := v.Return(map[string]time.Time{"a": at(-60).Time})
	if !ok {
		t.Fatal("no pod returns")
	}
	cases := map[string]struct {
		live *corev1.Pod
		want bool
	}{
		"unchanged":         {podOf("q1", "b"), true},
		"not-ready":         {podOf("q1", "b", notReady), false},
		"deleted":           {podOf("q1", "b", deleted), false},
		"finished":          {podOf("q1", "b", inPhase(corev1.PodSucceeded)), false},
		"another-of-a-name": {podOf("q1", "b", func(p *corev1.Pod) { p.UID = "new" }), false},
		"another-subset":    {podOf("q1", "a"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := v.ConfirmsReturn(r, tc.live); got != tc.want {
				t.Errorf("confirmed %t, want %t", got, tc.want)
			}
		})
	}
}

func TestLanded(t *testing.T) {
	before := map[types.UID]bool{"uid-of-p1": true, "uid-of-q1": true, "uid-of-q2": true}
	third := subset("c", patch(""))
	old := pods(podOf("p1", "a"), podOf("q2", "b"))
	cases := map[string]struct {
		reason string
		view   spread.View
		missed []string
		done   bool
	}{
		"home":      {"where it was meant to go", viewOf("2", replicas(3), old, pods(podOf("p3", "a"))), nil, true},
		"again":     {"where it came from", viewOf("2", replicas(3), old, pods(podOf("q3", "b"))), []string{"q3"}, true},
		"beyond":    {"even farther away", viewOf("2", third, replicas(3), old, pods(podOf("r3", "c"))), []string{"r3"}, true},
		"nowhere":   {"in no subset", viewOf("2", replicas(3), old, pods(podOf("x3", ""))), []string{"x3"}, true},
		"under-way": {"not there yet", viewOf("2", replicas(3), old), nil, false},
		"not-ready": {"there, and nobody knows if it stays", viewOf("2", replicas(3), old, pods(podOf("p3", "a", notReady))), nil, false},
		"moved":     {"it did not stay", viewOf("2", replicas(3), old, pods(podOf("p3", "a", deleted), podOf("q4", "b"))), []string{"q4"}, true},
		"scaled-in": {"it is not wanted any more", viewOf("2", replicas(2), old), nil, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pods, done := tc.view.Landed("b", before)
			var missed []string
			for _, pod := range pods {
				missed = append(missed, pod.Name)
			}
			if diff := cmp.Diff(tc.missed, missed); diff != "" || done != tc.done {
				t.Errorf("%s: done %t, missed -want +got:\n%s", tc.reason, done, diff)
			}
		})
	}
}

// TestReturnHeedsNodeLoss: a pod that is to stay on a node that is lost does not return
// from it; one that is not, or whose node is well, does.
func TestReturnHeedsNodeLoss(t *testing.T) {
	unreachable := corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}
	tolerating := func(seconds *int64) podOption {
		return func(pod *corev1.Pod) {
			pod.Spec.NodeName = "east"
			pod.Spec.Tolerations = []corev1.Toleration{{Key: unreachable.Key, Operator: corev1.TolerationOpExists, Effect: unreachable.Effect, TolerationSeconds: seconds}}
		}
	}
	cases := map[string]struct {
		seconds *int64
		taints  []corev1.Taint
		want    bool
	}{
		"stays-lost":  {nil, []corev1.Taint{unreachable}, false},
		"stays-well":  {nil, nil, true},
		"stays-other": {nil, []corev1.Taint{{Key: "drain", Effect: corev1.TaintEffectNoExecute}}, true},
		"moves-lost":  {new(int64(300)), []corev1.Taint{unreachable}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v := viewOf("2", returning, replicas(1), pods(podOf("q1", "b", tolerating(tc.seconds))), nodes(node("east", nil, tc.taints...)))
			if _, got, _ := v.Return(map[string]time.Time{"a": at(-oneHour).Time}); got != tc.want {
				t.Errorf("it returns: %t, want %t", got, tc.want)
			}
		})
	}
}
