package translate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestNoResourcesAreNoNews: an upstream API server that does not keep what newer kubelets
// say of a pod without resources of its own had it written again and again.
func TestNoResourcesAreNoNews(t *testing.T) {
	none, some := &corev1.ResourceRequirements{}, &corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}
	cases := map[string]struct {
		reason                string
		upstream, below, want *corev1.ResourceRequirements
	}{
		"not-kept":  {"Kubernetes 1.35 above, 1.37 below.", nil, none, nil},
		"kept":      {"Both know it.", none, none, none},
		"not-told":  {"1.37 above, 1.35 below.", none, nil, none},
		"appear":    {"They are news.", nil, some, some},
		"disappear": {"That is news too.", some, none, none},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			above, below := pod(status(corev1.PodStatus{Resources: tc.upstream})), pod(status(corev1.PodStatus{Resources: tc.below}))
			if diff := cmp.Diff(tc.want, translate.Status(above, below, "10.0.0.1").Resources); diff != "" {
				t.Errorf("%s -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
