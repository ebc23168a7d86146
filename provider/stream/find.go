package stream

import (
	"context"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// findTimeout bounds the two reads that precede every stream.
const findTimeout = 10 * time.Second

// refusal is an answer to the client: a status code and a sentence.
type refusal struct {
	code int
	text string
	// downstream says that the fault is in the downstream cluster: the upstream pod
	// and its container are as the client thinks.
	downstream bool
}

func (r refusal) Error() string { return r.text }

func refuse(code int, format string, args ...any) error {
	return refusal{code: code, text: fmt.Sprintf(format, args...)}
}

func refuseDownstream(code int, format string, args ...any) error {
	return refusal{code: code, text: fmt.Sprintf(format, args...), downstream: true}
}

// Pods finds the two pods of one upstream namespace and name.
type Pods struct {
	// Upstream holds the pods that are bound to the virtual node. A cache is
	// enough: what it does not show yet cannot have been started.
	Upstream client.Reader
	// Downstream is the API server itself. A cache that is behind would lead into
	// somebody else's pod of the same name.
	Downstream client.Reader
	// DownstreamCache holds the downstream pods, of ours at least the metadata; it
	// only lists them.
	DownstreamCache client.Reader
	// Identity tells our downstream pods from all others, and where they are.
	Identity translate.Identity
}

// find makes sure that a downstream pod stands for the upstream pod of this
// namespace and name on this virtual node, and returns where it is. container must
// be one of the upstream pod's, unless it is empty. The error is a refusal, or what
// a client returned.
func (p Pods) find(ctx context.Context, namespace, name, container string) (client.ObjectKey, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	up, err := p.findUpstream(ctx, client.ObjectKey{Namespace: namespace, Name: name}, container)
	if err != nil {
		return client.ObjectKey{}, err
	}
	key := client.ObjectKey{Namespace: p.Identity.Namespaces.Downstream(namespace), Name: name}
	called := name
	if key.Namespace != namespace {
		called = key.String()
	}
	var down corev1.Pod
	err = p.Downstream.Get(ctx, key, &down)
	switch {
	case apierrors.IsNotFound(err):
		return key, refuseDownstream(http.StatusNotFound, "pod %q does not exist in the downstream cluster", called)
	case err != nil:
		return key, fmt.Errorf("cannot find the downstream pod: %w", err)
	case !p.Identity.Owns(&down):
		return key, refuseDownstream(http.StatusConflict, "the pod %q in the downstream cluster belongs to somebody else", called)
	case !p.Identity.StandsFor(&down, up):
		return key, refuseDownstream(http.StatusConflict, "the pod %q in the downstream cluster is that of a predecessor, which is not gone yet", called)
	}
	return key, nil
}

func (p Pods) findUpstream(ctx context.Context, key client.ObjectKey, container string) (*corev1.Pod, error) {
	var up corev1.Pod
	err := p.Upstream.Get(ctx, key, &up)
	switch {
	case apierrors.IsNotFound(err):
		return nil, refuse(http.StatusNotFound, "pod %q does not exist", key.Name)
	case err != nil:
		return nil, fmt.Errorf("cannot find the upstream pod: %w", err)
	case up.Spec.NodeName != p.Identity.Node.Name:
		return nil, refuse(http.StatusNotFound, "pod %q does not exist", key.Name)
	case container != "" && !hasContainer(&up.Spec, container):
		return nil, refuse(http.StatusNotFound, "container %q not found in pod %q", container, key.Name)
	}
	return &up, nil
}

func hasContainer(spec *corev1.PodSpec, name string) bool {
	for i := range spec.Containers {
		if spec.Containers[i].Name == name {
			return true
		}
	}
	for i := range spec.InitContainers {
		if spec.InitContainers[i].Name == name {
			return true
		}
	}
	for i := range spec.EphemeralContainers {
		if spec.EphemeralContainers[i].Name == name {
			return true
		}
	}
	return false
}
