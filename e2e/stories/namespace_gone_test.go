package stories

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestNamespaceDeletedDownstream: somebody deletes the downstream namespace. A pod
// that comes meanwhile waits until that is over, and then starts at once, in a new
// namespace with new copies.
func TestNamespaceDeletedDownstream(t *testing.T) {
	s := tell(t, nil)
	s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
	below := s.downstream.Client().CoreV1()
	lasting := settings("theirs")
	lasting.Name, lasting.Finalizers = "lasting", []string{"example.org/slow"}
	_, err := below.ConfigMaps(s.namespace).Create(s.ctx, lasting, metav1.CreateOptions{})
	s.must("create what keeps the namespace", err)
	s.must("delete the namespace", below.Namespaces().Delete(s.ctx, s.namespace, metav1.DeleteOptions{}))

	s.applies(manifest(t, settings("one")) + "---\n" + manifest(t, keys("hidden")) + "---\n" + manifest(t, refers("web", "east", "settings", "keys", false)))
	s.hears("web", "ReferenceRefused", s.namespace, "is being deleted")
	s.phase("web", corev1.PodPending)
	_, err = below.ConfigMaps(s.namespace).Patch(s.ctx, "lasting", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	s.must("let the namespace go", err)
	over := time.Now()
	s.phase("web", corev1.PodRunning)
	s.copied("one", "hidden")
	if late := time.Since(over); late > 15*time.Second {
		t.Errorf("the pod ran %.0f s later", late.Seconds())
	}
}
