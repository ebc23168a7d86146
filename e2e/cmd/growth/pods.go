package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// clients is how many pods are created at a time.
	clients = 16
	app     = "web"
)

// machines are the nodes of the downstream cluster.
func machines() []*corev1.Node {
	return []*corev1.Node{
		playground.FakeNode("large-1", playground.Capacity("1000", "1Ti", "20000")),
		playground.FakeNode("large-2", playground.Capacity("1000", "1Ti", "20000")),
	}
}

// group is pods that are created together.
type group struct {
	client    kubernetes.Interface
	namespace string
	owner     *metav1.OwnerReference
	// node is the node that they name, if any; else they opt in.
	node string
	pods int
}

// create creates all pods.
func (g group) create(ctx context.Context) error {
	creating, ctx := errgroup.WithContext(ctx)
	creating.SetLimit(clients)
	for i := range g.pods {
		creating.Go(func() error {
			_, err := g.client.CoreV1().Pods(g.namespace).Create(ctx, g.pod(i), metav1.CreateOptions{})
			return err
		})
	}
	if err := creating.Wait(); err != nil {
		return fmt.Errorf("cannot create the pods: %w", err)
	}
	return nil
}

func (g group) pod(i int) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%05d", app, i), Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			NodeName:                      g.node,
			TerminationGracePeriodSeconds: new(int64(1)),
			Containers:                    []corev1.Container{{Name: "main", Image: "app:1"}, {Name: "exporter", Image: "exporter:1"}},
		},
	}
	if g.node == "" {
		pod.Labels[api.OptInLabel] = api.OptedIn
	}
	if g.owner != nil {
		pod.OwnerReferences = []metav1.OwnerReference{*g.owner}
	}
	return pod
}

// run creates all pods and waits until they run.
func (g group) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	running := map[string]bool{}
	sees := func(o any) {
		if pod := o.(*corev1.Pod); pod.Status.Phase == corev1.PodRunning {
			mu.Lock()
			defer mu.Unlock()
			running[pod.Name] = true
		}
	}
	factory := informers.NewSharedInformerFactoryWithOptions(g.client, 0, informers.WithNamespace(g.namespace))
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: sees, UpdateFunc: func(_, o any) { sees(o) }})
	if err != nil {
		return fmt.Errorf("cannot watch the pods: %w", err)
	}
	factory.Start(ctx.Done())
	defer func() {
		cancel()
		factory.Shutdown()
	}()
	if err := g.create(ctx); err != nil {
		return err
	}
	return playground.Eventually(ctx, "all pods run", func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if len(running) < g.pods {
			return fmt.Errorf("%d of %d", len(running), g.pods)
		}
		return nil
	})
}

// cloneSet makes a CloneSet that nobody keeps the pods of, for them to belong to.
func (s *stage) cloneSet(ctx context.Context, namespace string, replicas int) (*metav1.OwnerReference, error) {
	if err := s.upstream.CreateNamespace(ctx, namespace, nil); err != nil {
		return nil, err
	}
	if err := s.upstream.Apply(ctx, fmt.Sprintf(cloneSet, app, namespace, replicas)); err != nil {
		return nil, err
	}
	uid, _, err := s.upstream.Kubectl(ctx, "", "get", "cloneset", app, "-n", namespace, "-o=jsonpath={.metadata.uid}")
	if err == nil && uid == "" {
		err = errors.New("the CloneSet has no uid")
	}
	return &metav1.OwnerReference{APIVersion: "apps.kruise.io/v1alpha1", Kind: "CloneSet", Name: app, UID: types.UID(uid), Controller: new(true)}, err
}

// cloneSet is formatted with a name, a namespace and the number of replicas.
const cloneSet = `---
apiVersion: apps.kruise.io/v1alpha1
kind: CloneSet
metadata: {name: %s, namespace: %s}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec: {containers: [{name: main, image: "app:1"}]}
`
