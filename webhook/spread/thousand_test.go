package spread_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/webhook/spread"
)

const (
	thousand = 1000
	// etcdLimit is the largest object, or a little less: it is measured as JSON.
	etcdLimit = 1 << 20
)

// thousandSubsets is a WorkloadSpread with as many subsets of one pod each: the
// first half has its pods, in two versions, and a quarter after it is closed.
func thousandSubsets() spread.View {
	name := func(i int) string { return fmt.Sprintf("subset-%04d", i) }
	v := viewOf("", adaptive(30))
	v.Spread.Spec.Subsets = nil
	for i := range thousand {
		v.Spread.Spec.Subsets = append(v.Spread.Spec.Subsets, v1alpha1.WorkloadSpreadSubset{
			Name: name(i), MaxReplicas: new(intstr.FromInt32(1)),
			RequiredNodeSelectorTerm: &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: "pool", Operator: corev1.NodeSelectorOpIn, Values: []string{name(i)}},
			}},
		})
		if i < thousand/2 {
			pods(podOf("new-"+name(i), name(i)), podOf("old-"+name(i), name(i), oldVersion))(&v)
		}
		status := corev1.ConditionTrue
		if i >= thousand/2 && i < thousand*3/4 {
			status = corev1.ConditionFalse
		}
		schedulable(name(i), status, -60)(&v)
		reserved("v1", name(i), fmt.Sprintf("reservation-%d", i), -oneHour)(&v)
	}
	return v
}

func thousandSlots(v spread.View) spread.Ledger {
	return spread.Ledger{Spread: v.Spread, Target: v.Target, Pods: v.Pods, Live: true, Now: v.Now}
}

// parallelRequests are of 64 pods, as a controller creates them at once.
func parallelRequests() []spread.Request {
	var all []spread.Request
	for i := range 64 {
		pod := podOf("", "")
		pod.Name, pod.Annotations = "", nil
		all = append(all, spread.Request{Pod: pod, UID: fmt.Sprintf("request-%d", i)})
	}
	return all
}

// TestThousandSubsets: what they are told stays readable, and what is written
// fits into an object.
func TestThousandSubsets(t *testing.T) {
	v := thousandSubsets()
	choices := thousandSlots(v).Choose(parallelRequests())
	for i, d := range choices.Decisions {
		if want := fmt.Sprintf("subset-%04d", thousand*3/4+i); d.Subset == nil || d.Subset.Name != want {
			t.Fatalf("pod %d: %+v, want %s", i, d.Subset, want)
		}
		if len(d.Message) > 1000 || !strings.Contains(d.Message, "subset-0000 is full (1 of 1)") || !strings.HasSuffix(d.Message, fmt.Sprintf("and %d more", thousand*3/4+i-8)) {
			t.Fatalf("pod %d is told %d bytes: %.900s", i, len(d.Message), d.Message)
		}
	}
	for what, status := range map[string]v1alpha1.WorkloadSpreadStatus{"reservations": *choices.Status, "report": v.Report().Status} {
		v.Spread.Status = status
		text, err := json.Marshal(v.Spread)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("with its %s the WorkloadSpread has %d bytes", what, len(text))
		if len(text) > etcdLimit {
			t.Errorf("with its %s the WorkloadSpread has %d bytes, an API server stores %d", what, len(text), etcdLimit)
		}
	}
}

// BenchmarkThousandSubsets: 64 pods at once, and what a change of the WorkloadSpread
// costs.
func BenchmarkThousandSubsets(b *testing.B) {
	v, requests := thousandSubsets(), parallelRequests()
	ledger := thousandSlots(v)
	steps := map[string]func(){
		"choose64":  func() { ledger.Choose(requests) },
		"choose1":   func() { ledger.Choose(requests[:1]) },
		"immediate": func() { ledger.Immediate(requests[0]) },
		"report":    func() { v.Report() },
		"virtual":   func() { spread.VirtualSubsets(v.Spread, nil) },
		"default":   func() { spread.Default(v.Spread) },
		"validate":  func() { var _ field.ErrorList = spread.Validate(v.Spread, spread.Known{}) },
	}
	for name, step := range steps {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
