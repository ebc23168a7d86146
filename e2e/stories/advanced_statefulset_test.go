package stories

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestAdvancedStatefulSetGoesByOrdinal: the pods of OpenKruise's StatefulSet have their
// subsets by ordinal, without the reserved ones, in whatever order they are created.
func TestAdvancedStatefulSetGoesByOrdinal(t *testing.T) {
	s := tell(t, nil)
	s.must("install the CRD", s.upstream.InstallCRDs(s.ctx, playground.AdvancedStatefulSetCRD))
	s.applies(`
apiVersion: apps.kruise.io/v1beta1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 3
  reserveOrdinals: [1]
  template: {metadata: {labels: {app: web, virtual-pod: "true"}}, spec: {containers: [{name: app, image: "web:1"}]}}
`)
	uid, _, err := s.upstream.Kubectl(s.ctx, "", "get", "statefulsets.apps.kruise.io", "web", "-n", s.namespace, "-o=jsonpath={.metadata.uid}")
	s.must("get the StatefulSet", err)
	owner := metav1.OwnerReference{APIVersion: "apps.kruise.io/v1beta1", Kind: "StatefulSet", Name: "web", UID: types.UID(uid), Controller: new(true)}
	s.spreads(fmt.Sprintf(twoOwnFirst, "apps.kruise.io/v1beta1", "StatefulSet"))
	for _, pod := range []struct{ name, subset string }{{"web-3", "b"}, {"web-0", "a"}, {"web-2", "a"}} {
		if created, _ := s.createsOwned(owner, pod.name); subsetOf(created) != pod.subset {
			t.Errorf("%s goes to %q, want %s", pod.name, subsetOf(created), pod.subset)
		}
	}
}
