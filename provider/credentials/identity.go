package credentials

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// identifyTimeout bounds the question which cluster it is.
const identifyTimeout = 5 * time.Second

// readID returns the UID of the namespace kube-system, which every cluster has
// and keeps.
func readID(ctx context.Context, config *rest.Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	namespace, err := clients.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return string(namespace.UID), nil
}

// learnID asks once, if possible, which cluster it is: later the old address may
// not answer any more.
func (k *Kubeconfig) learnID(ctx context.Context) {
	if k.id != "" || !k.transport.answered.Load() {
		return
	}
	id, err := k.identify(ctx, k.transport.now().config)
	if err != nil {
		logf.FromContext(ctx).V(1).Info("Which cluster it is cannot be told yet", "cause", err.Error())
		return
	}
	k.id = id
}

// sameCluster refuses an address at which another cluster answers: what runs there
// is not what we know, and all of it would look deleted.
func (k *Kubeconfig) sameCluster(ctx context.Context, next *generation) error {
	if k.id == "" && !k.transport.answered.Load() {
		return nil // Nothing is known of the other one.
	}
	if k.id == "" {
		k.learnID(ctx)
	}
	if k.id == "" {
		return fmt.Errorf("the kubeconfig %s has another server, %s, and whether it is the same cluster cannot be told, since namespace %s could not be read at %s: restart to use it",
			k.path, next.base, metav1.NamespaceSystem, k.transport.now().base)
	}
	id, err := k.identify(ctx, next.config)
	if err != nil {
		return fmt.Errorf("the kubeconfig %s has another server, %s, and whether it is the same cluster cannot be told: %w", k.path, next.base, err)
	}
	if id != k.id {
		return fmt.Errorf("the kubeconfig %s has the server of another cluster: at %s namespace %s has the UID %s, not %s; restart to use it",
			k.path, next.base, metav1.NamespaceSystem, id, k.id)
	}
	return nil
}
