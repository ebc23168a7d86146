package pods

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestStarted: the time to Running is taken once, when the status first says so.
func TestStarted(t *testing.T) {
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	born := time.Unix(1000, 0)
	pod := func(phase corev1.PodPhase) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(born)}, Status: corev1.PodStatus{Phase: phase}}
	}
	for _, step := range []struct{ before, after corev1.PodPhase }{
		{"", corev1.PodPending},
		{corev1.PodPending, corev1.PodPending},
		{corev1.PodPending, corev1.PodRunning}, // this one
		{corev1.PodRunning, corev1.PodRunning},
		{corev1.PodRunning, corev1.PodSucceeded},
		{corev1.PodPending, corev1.PodFailed},
	} {
		metrics.observe(pod(step.before), &corev1.PodStatus{Phase: step.after}, born.Add(7*time.Second))
	}
	var got dto.Metric
	if err := metrics.started.Write(&got); err != nil {
		t.Fatal(err)
	}
	if count, sum := got.Histogram.GetSampleCount(), got.Histogram.GetSampleSum(); count != 1 || sum != 7 {
		t.Errorf("%d pods took %v s, want one and 7", count, sum)
	}
	if n := testutil.CollectAndCount(metrics.refused); n == 0 {
		t.Error("no refusal is 0 before it happens")
	}
}
