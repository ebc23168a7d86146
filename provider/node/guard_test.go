package node

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// TestWithTaint: the taint comes back and nobody else's goes, as often as the
// guard looks.
func TestWithTaint(t *testing.T) {
	ours := Taint()
	cordon := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	evicting := corev1.Taint{Key: ours.Key, Value: ours.Value, Effect: corev1.TaintEffectNoExecute}
	altered := corev1.Taint{Key: ours.Key, Value: "other", Effect: ours.Effect}
	cases := map[string]struct {
		reason  string
		before  []corev1.Taint
		present bool
		want    []corev1.Taint
	}{
		"none": {
			reason: "A node without taints takes every pod.",
			want:   []corev1.Taint{ours},
		},
		"others-only": {
			reason: "Cordons and taints of others stay.",
			before: []corev1.Taint{cordon}, want: []corev1.Taint{cordon, ours},
		},
		"altered": {
			reason: "With another value our pods do not tolerate it; the API allows a key and an effect only once.",
			before: []corev1.Taint{altered, cordon}, want: []corev1.Taint{cordon, ours},
		},
		"other-effect": {
			reason: "The same key with another effect is a taint of its own.",
			before: []corev1.Taint{evicting}, want: []corev1.Taint{evicting, ours},
		},
		"present": {
			reason: "Where it is, there is nothing to do.",
			before: []corev1.Taint{cordon, ours}, present: true, want: []corev1.Taint{cordon, ours},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := hasTaint(tc.before); got != tc.present {
				t.Errorf("%s\nfound the taint in %v: %t, want %t", tc.reason, tc.before, got, tc.present)
			}
			got := withTaint(tc.before)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if !hasTaint(got) {
				t.Error("the guard would never be content with what it wrote")
			}
		})
	}
}

// TestGuardBehindIsNoError: a Node is written every few seconds, so the guard often
// knows an earlier version. The next one is on its way, and brings the guard back.
func TestGuardBehindIsNoError(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "east"}}
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "nodes"}, "east", nil)
	upstream := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(node).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return conflict
		},
	}).Build()
	g := &guard{name: "east", upstream: upstream}
	if _, err := g.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(node)}); err != nil {
		t.Errorf("it reports %v", err)
	}
}

func hasTaint(taints []corev1.Taint) bool { return slices.ContainsFunc(taints, isTaint) }

// TestTaintIsValid: a Node with a taint that the API refuses is never registered.
func TestTaintIsValid(t *testing.T) {
	taint := Taint()
	for _, problem := range append(content.IsLabelKey(taint.Key), content.IsLabelValue(taint.Value)...) {
		t.Errorf("taint %s: %s", taint.ToString(), problem)
	}
}
