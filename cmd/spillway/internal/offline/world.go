package offline

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// World is the cluster into which pods are admitted, as far as the input tells.
// It changes with each pod that is admitted.
type World struct {
	// namespaces are those of the input, by name.
	namespaces map[string]mutate.Namespace
	// generated counts the names that were generated, by kind, namespace and
	// beginning.
	generated map[string]int
	// spreads are the WorkloadSpreads. Without any, workloads is nil, since
	// nobody asks for it.
	spreads   []*spreading
	workloads workloads
	// sidecars are the SidecarSets, sorted by name.
	sidecars []*sidecar.Set
}

func newWorld() World {
	return World{namespaces: make(map[string]mutate.Namespace), generated: make(map[string]int)}
}

func (w World) addNamespace(object manifest.Object) error {
	namespace := &corev1.Namespace{}
	if _, err := object.Decode(namespace); err != nil {
		return err
	}
	w.namespaces[namespace.Name] = mutate.Namespace{Name: namespace.Name, Labels: namespace.Labels, Annotations: namespace.Annotations}
	return nil
}

// namespace returns what is known of a namespace. One that is not in the input
// has no labels and no annotations.
func (w World) namespace(name string) mutate.Namespace {
	if namespace, given := w.namespaces[name]; given {
		return namespace
	}
	return mutate.Namespace{Name: name}
}

// generateName returns the name that the API server gives an object with a
// metadata.generateName, but for its end, which is a number here. Like an API
// server, it cuts the beginning so that the name has at most 63 bytes.
func (w World) generateName(kind string, meta *metav1.ObjectMeta) string {
	const ending = 5
	beginning := meta.GenerateName[:min(len(meta.GenerateName), 63-ending)]
	key := kind + "/" + meta.Namespace + "/" + beginning
	w.generated[key]++
	return fmt.Sprintf("%s%0*d", beginning, ending, w.generated[key])
}

// nameOf returns the name that the pod has, or gets.
func (w World) nameOf(pod *corev1.Pod) string {
	if pod.Name != "" {
		return pod.Name
	}
	return w.generateName("Pod", &pod.ObjectMeta)
}
