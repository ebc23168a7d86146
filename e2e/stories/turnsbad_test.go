package stories

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// admitWithout: a WorkloadSpread that cannot be honoured does not stand in the
// way of the pod, which is told so, as is whoever looks after the WorkloadSpread.
func (r *replicated) admitWithout(t *testing.T) {
	for name, why := range map[string]struct{ subset, filter, says string }{
		"patch does not apply": {subset: "patch: {spec: {containers: none}}", says: "patch"},
		"path is missing":      {subset: "maxReplicas: 50%", filter: "targetFilter: {replicasPathList: [spec.nowhere]}", says: "spec.nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tellOn(t, r.stage, nil)
			s.withoutValidation()
			s.applies(fmt.Sprintf(`
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: web}
  %s
  subsets:
  - name: a
    %s
  - name: b
`, why.filter, why.subset))
			owner := s.appliesCloneSet(4)
			before := r.failures(s)
			pod, warnings := s.createsOwned(owner, "web-0")
			if handled(pod) || pod.Spec.Affinity != nil || subsetOf(pod) != "" || pod.Labels["virtual-pod"] != "true" {
				t.Errorf("the pod is %+v, with the annotations %v; want it as its author made it", pod.Spec.Affinity, pod.Annotations)
			}
			if !strings.Contains(warnings, why.says) {
				t.Errorf("kubectl said %q, want %q in it", warnings, why.says)
			}
			if after := r.failures(s); after <= before {
				t.Errorf("failed admissions before %g, after %g", before, after)
			}
			s.eventually("an event says so", func(ctx context.Context) error {
				events, err := s.upstream.Client().CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{})
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(events.Items, func(e corev1.Event) bool {
					return e.Type == corev1.EventTypeWarning && strings.Contains(e.Message, why.says)
				}) {
					return fmt.Errorf("%d events, none of which does", len(events.Items))
				}
				return nil
			})
		})
	}
}

// failures counts what the replicas say they could not do.
func (r *replicated) failures(s *story) (failed float64) {
	s.Helper()
	for _, replica := range r.replicas {
		text, err := playground.Read(s.ctx, replica.Metrics+"/metrics")
		s.must("read a replica's metrics", err)
		failed += samples(text, "spillway_admissions_total", `outcome="failed"`)
	}
	return failed
}

// withoutValidation has the API server take any WorkloadSpread from now on, as it
// does while no webhook runs.
func (s *story) withoutValidation() {
	s.Helper()
	err := s.upstream.Client().AdmissionregistrationV1().ValidatingWebhookConfigurations().
		DeleteCollection(s.ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
	s.must("take back the validation", err)
}
