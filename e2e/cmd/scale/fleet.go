package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// namespaces is how many there are; the pods are spread over them.
	namespaces = 5
	// canaries is the namespace of pods that tell when the virtual node works. What
	// it does for them is not counted.
	canaries = "canaries"
	// clients is how many pods are created at a time.
	clients = 16
)

// fleet is the pods upstream.
type fleet struct {
	cluster *playground.Cluster
	stop    func()

	mu    sync.Mutex
	ready map[string]bool // by namespace/name
}

// newFleet makes the namespaces, and what pods refer to in them, and watches the
// pods.
func newFleet(ctx context.Context, cluster *playground.Cluster) (*fleet, error) {
	f := &fleet{cluster: cluster, ready: map[string]bool{}, stop: func() {}}
	for i := range namespaces {
		if err := f.prepare(ctx, namespace(i)); err != nil {
			return f, err
		}
	}
	if err := f.prepare(ctx, canaries); err != nil {
		return f, err
	}
	return f, f.watch(context.WithoutCancel(ctx))
}

func namespace(i int) string { return fmt.Sprintf("fleet-%d", i%namespaces) }

func (f *fleet) prepare(ctx context.Context, namespace string) error {
	if err := f.cluster.CreateNamespace(ctx, namespace, map[string]string{api.OptInLabel: api.OptedIn}); err != nil {
		return err
	}
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"MODE": "fast"}}
	if _, err := f.cluster.Client().CoreV1().ConfigMaps(namespace).Create(ctx, settings, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot create a ConfigMap: %w", err)
	}
	keys := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys"}, StringData: map[string]string{"KEY": "hidden"}}
	if _, err := f.cluster.Client().CoreV1().Secrets(namespace).Create(ctx, keys, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot create a Secret: %w", err)
	}
	return nil
}

// watch notes which pods are Ready, until stop.
func (f *fleet) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactory(f.cluster.Client(), 0)
	f.stop = func() {
		cancel()
		factory.Shutdown()
	}
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { f.sees(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { f.sees(o.(*corev1.Pod)) },
	})
	if err != nil {
		return fmt.Errorf("cannot watch the pods: %w", err)
	}
	factory.Start(ctx.Done())
	for _, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return errors.New("cannot watch the pods: the cache was not filled")
		}
	}
	return nil
}

func (f *fleet) sees(pod *corev1.Pod) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			f.mu.Lock()
			f.ready[pod.Namespace+"/"+pod.Name] = pod.Status.Phase == corev1.PodRunning && c.Status == corev1.ConditionTrue
			f.mu.Unlock()
		}
	}
}

// create creates the pods and waits until all are Running and Ready.
func (f *fleet) create(ctx context.Context, pods int) error {
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(clients)
	for i := range pods {
		group.Go(func() error { return f.createPod(inGroup, namespace(i), fmt.Sprintf("pod-%05d", i)) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return playground.Eventually(ctx, "all pods are Running upstream", func(context.Context) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		running := 0
		for i := range pods {
			if f.ready[fmt.Sprintf("%s/pod-%05d", namespace(i), i)] {
				running++
			}
		}
		if running < pods {
			return fmt.Errorf("%d of %d", running, pods)
		}
		return nil
	})
}

func (f *fleet) createPod(ctx context.Context, namespace, name string) error {
	settings, keys := corev1.LocalObjectReference{Name: "settings"}, corev1.LocalObjectReference{Name: "keys"}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "fleet"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(1)),
			Containers: []corev1.Container{
				{Name: "app", Image: "app:1", EnvFrom: []corev1.EnvFromSource{
					{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: settings}},
					{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: keys}},
				}},
				{Name: "exporter", Image: "exporter:1"},
			},
		},
	}
	if _, err := f.cluster.Client().CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot create pod %s: %w", name, err)
	}
	return nil
}

// canary says whether a canary runs.
func (f *fleet) canary(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ready[canaries+"/"+name] {
		return fmt.Errorf("canary %s is not Running", name)
	}
	return nil
}
