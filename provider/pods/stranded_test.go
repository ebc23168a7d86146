package pods

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/provider/translate"
)

// rowsOfStrandedPods are those of pods that somebody deleted downstream. Their time to
// end was over at second 2000.
func rowsOfStrandedPods() map[string]planCase {
	runs := []option{phase(corev1.PodRunning), started}
	up := func(more ...option) *corev1.Pod { return upstream(append(runs, more...)...) }
	down := func(more ...option) *corev1.Pod { return twin(append(append(runs, bound, deleting(30)), more...)...) }
	at := func(second int64) metav1.Time { return metav1.Unix(second, 0) }
	unreachable := corev1.Toleration{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}
	leaving := unreachable
	leaving.TolerationSeconds = new(int64(300))
	tolerating := func(t ...corev1.Toleration) option { return func(p *corev1.Pod) { p.Spec.Tolerations = t } }
	asked := plan{Row: RowStranded, Phase: corev1.PodRunning, Annotation: "n1", Warning: ReasonStranded, AskUpstream: true}
	return map[string]planCase{
		"stranded-not-yet": {
			reason: "its kubelet has time to answer, and is looked at again when that is over",
			world:  World{Upstream: up(), Downstream: down(), Now: at(2020)},
			want:   plan{Row: RowMirror, Again: 40 * time.Second},
		},
		"stranded-unconfirmed": {
			reason: "the upstream cache may not show that the pod is being deleted",
			world:  World{Upstream: up(), Downstream: down(), Now: at(2060)},
			want:   plan{Row: RowStranded, Confirm: Upstream},
		},
		"stranded-half-confirmed": {
			reason: "the downstream cache may not show that the pod is gone",
			world:  World{Upstream: up(), Downstream: down(), Now: at(2060), UpstreamLive: true},
			want:   plan{Row: RowStranded, Confirm: Downstream},
		},
		"stranded": {
			reason: "its owner is to replace it, once the pod is gone",
			world:  World{Upstream: up(tolerating(leaving)), Downstream: down(), Now: at(2060), UpstreamLive: true, DownstreamLive: true},
			want:   asked,
		},
		"stranded-by-finalizer": {
			reason: "also when it is a finalizer that keeps it: nobody can tell from here",
			world:  World{Upstream: up(), Downstream: down(held), Now: at(2060), UpstreamLive: true, DownstreamLive: true},
			want:   asked,
		},
		"stranded-staying": {
			reason: "a pod that stays on a lost node stays on a lost downstream node, too",
			world:  World{Upstream: up(tolerating(unreachable, leaving)), Downstream: down(), Now: at(9000), UpstreamLive: true, DownstreamLive: true},
			want:   plan{Row: RowMirror},
		},
		"stranded-tolerating-all": {
			reason: "so does one that tolerates everything",
			world:  World{Upstream: up(tolerating(corev1.Toleration{Operator: corev1.TolerationOpExists})), Downstream: down(), Now: at(9000)},
			want:   plan{Row: RowMirror},
		},
		"stranded-first-toleration": {
			reason: "the first toleration decides, as in Kubernetes",
			world:  World{Upstream: up(tolerating(leaving, unreachable)), Downstream: down(), Now: at(2060), UpstreamLive: true, DownstreamLive: true},
			want:   asked,
		},
		"stranded-over": {
			reason: "one whose containers have ended runs nowhere; its end is passed on",
			world:  World{Upstream: up(), Downstream: down(phase(corev1.PodSucceeded)), Now: at(9000)},
			want:   plan{Row: RowMirror, Phase: corev1.PodSucceeded, Annotation: "n1"},
		},
		"stranded-terminating": {
			reason: "once it was asked to go it is waited for, however long that takes",
			world:  World{Upstream: up(deleting(30)), Downstream: down(), Now: at(9000), UpstreamLive: true},
			want:   plan{Row: RowTerminating},
		},
	}
}

// TestStrandedIsADisruption: Jobs tell it from a failure of the pod's own, and the
// word stays when the status is mirrored again.
func TestStrandedIsADisruption(t *testing.T) {
	w := World{
		Upstream:   upstream(phase(corev1.PodRunning), started, func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = new(int64) }),
		Downstream: twin(phase(corev1.PodRunning), started, bound, deleting(30)),
		Now:        metav1.Unix(2060, 0), UpstreamLive: true, DownstreamLive: true,
	}
	action := Plan(w, testNode())
	if !strings.Contains(action.Warning.Note, `downstream node "n1" does not answer`) {
		t.Errorf("the event says %q, want the downstream node in it", action.Warning.Note)
	}
	if grace := action.DeleteUpstream.GraceSeconds; grace == nil || *grace != 1 {
		t.Errorf("the pod has %v s to go, want 1: with none it would be gone before it has ended downstream", grace)
	}
	w.Upstream = upstream(deleting(1))
	w.Upstream.Status = *action.Status
	status := translate.Status(w.Upstream, w.Downstream, "192.0.2.10")
	if c := translate.ConditionOf(status.Conditions, corev1.DisruptionTarget); c == nil || c.Reason != ReasonStranded {
		t.Errorf("its conditions are %+v afterwards, want a DisruptionTarget", status.Conditions)
	}
}

// TestEndIsWrittenOnlyAsSeen: another process that led a moment ago, or believes that
// it still leads, has seen the pod end well and says so between our reading and our
// writing.
func TestEndIsWrittenOnlyAsSeen(t *testing.T) {
	seen := upstream(phase(corev1.PodRunning), started)
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	up, upLive := side{cached: seen, live: upstream(phase(corev1.PodSucceeded), started, func(p *corev1.Pod) { p.ResourceVersion = "8" })}.build()
	down, _ := side{}.build()
	up.Live = interceptor.NewClient(newFake(nil), interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			into, isPod := o.(*corev1.Pod)
			if !isPod {
				return errors.New("only pods are asked for")
			}
			seen.DeepCopyInto(into)
			into.ResourceVersion = "7"
			return nil
		},
	})
	r := &Reconciler{
		Node: testNode(), Upstream: up, Downstream: down, Events: events.NewFakeRecorder(10), Metrics: metrics,
		Clock: clocktesting.NewFakePassiveClock(metav1.Unix(3000, 0).Time),
	}
	_, err = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
	if got := describe(t, upLive); got != "up Succeeded" || err == nil {
		t.Errorf("the pod is %q (error %v), want it as the other process left it, and another try", got, err)
	}
}

// TestStrandedIsToldOnce: somebody upstream, such as an admission webhook, may not let
// the pod go for long. It is tried again and again, and told when it goes.
func TestStrandedIsToldOnce(t *testing.T) {
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	pod := upstream(phase(corev1.PodRunning), started)
	going := twin(phase(corev1.PodRunning), started, bound, deleting(30), held)
	up, upLive := side{cached: pod, live: pod}.build()
	down, _ := side{cached: going, live: going}.build()
	refuses := true
	up.Client = interceptor.NewClient(newFake(pod), interceptor.Funcs{
		Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
			if refuses {
				return errors.New("a webhook does not answer")
			}
			return nil
		},
		SubResourcePatch: func(ctx context.Context, _ client.Client, subresource string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			return patchAsTheServer(ctx, upLive, subresource, o, p, opts...)
		},
	})
	recorder := events.NewFakeRecorder(10)
	r := &Reconciler{
		Node: testNode(), Upstream: up, Downstream: down, Events: recorder, Metrics: metrics,
		Clock: clocktesting.NewFakePassiveClock(metav1.Unix(3000, 0).Time),
	}
	for range 3 {
		if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err == nil {
			t.Error("a pod that may not go is not tried again")
		}
	}
	refuses = false
	if _, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		t.Error(err)
	}
	if n := len(recorder.Events); n != 1 {
		t.Errorf("it was told %d times, want once", n)
	}
}
