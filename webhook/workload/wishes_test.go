package workload

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// TestWishes: a controller that was just told to want fewer may not know yet, so
// what proves that a pod was never created is the most it may want.
func TestWishes(t *testing.T) {
	now := time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC)
	w := &wishes{now: func() time.Time { return now }, all: map[types.UID]*history{}}
	handler := w.handler()
	set := func(uid string, generation, observed, replicas int64) *unstructured.Unstructured {
		rs := newWorkload(replicaSetKind())
		rs.SetUID(types.UID(uid))
		rs.SetGeneration(generation)
		rs.Object["spec"] = map[string]any{"replicas": replicas}
		rs.Object["status"] = map[string]any{"observedGeneration": observed}
		return rs
	}
	want := func(when string, rs *unstructured.Unstructured, n int, known bool) {
		t.Helper()
		if got, ok := w.most(rs); ok != known || known && got != n {
			t.Errorf("%s: got %d %t, want %d %t", when, got, ok, n, known)
		}
	}

	first := set("new", 1, 0, 8)
	handler.OnAdd(first, false)
	want("never changed", first, 8, true)
	fewer := set("new", 2, 1, 3)
	handler.OnUpdate(first, fewer)
	want("told to want fewer", fewer, 8, true)
	want("has heard of it", set("new", 2, 2, 3), 3, true)
	want("told to want more", set("new", 3, 1, 9), 9, true)
	now = now.Add(wishWindow)
	want("must have heard of it", fewer, 3, true)

	old := set("old", 5, 4, 3)
	handler.OnAdd(old, true)
	want("changed before we looked", old, 0, false)
	now = now.Add(wishWindow)
	want("and long ago", old, 3, true)

	handler.OnDelete(old)
	want("gone", old, 0, false)
}
