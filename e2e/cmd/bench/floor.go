package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// floorNode is the node of the pods that the floor runs.
const floorNode = "least"

// floor is the least that anybody must do to have upstream pods run downstream: watch
// both sides; for each pod one create downstream and one write of its status upstream;
// for each deletion one delete on either side. It trusts its watches, forgets nothing
// and checks nothing, so that no virtual node could be made of it. It measures the way.
type floor struct {
	upstream, downstream kubernetes.Interface
	namespace            string

	mu sync.Mutex
	// done says what was begun for a pod already, by name.
	done map[string]step
	work chan func(context.Context) error
	errs []error
}

// step is how far a pod has come; each is taken once.
type step int

const (
	created step = iota + 1
	told
	deleted
	released
)

func (s *stage) measureFloor(ctx context.Context, m *measured, l load, name string) error {
	f := &floor{namespace: name, done: map[string]step{}, work: make(chan func(context.Context) error, m.pods)}
	var err error
	if f.upstream, err = s.upstream.ProtobufClient(); err != nil {
		return err
	}
	if f.downstream, err = s.downstream.ProtobufClient(); err != nil {
		return err
	}
	stop, err := f.start(ctx)
	if err != nil {
		return err
	}
	l.node, l.profiles = floorNode, nil
	return errors.Join(add(ctx, &m.floor, l, name), stop())
}

// start runs the floor until what it returns is called.
func (f *floor) start(ctx context.Context) (stop func() error, err error) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: floorNode}}
	if _, err := f.upstream.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("cannot create the node of the floor: %w", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.namespace}}
	if _, err := f.downstream.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("cannot create the downstream namespace of the floor: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	for range clients {
		workers.Go(func() { f.run(ctx) })
	}
	above, errAbove := f.watch(ctx, f.upstream, fields.OneTermEqualSelector("spec.nodeName", floorNode), f.seesAbove, nil)
	below, errBelow := f.watch(ctx, f.downstream, fields.Everything(), f.seesBelow, f.losesBelow)
	stop = func() error {
		cancel()
		above.Shutdown()
		below.Shutdown()
		workers.Wait()
		return errors.Join(f.errs...)
	}
	if err := errors.Join(errAbove, errBelow); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

func (f *floor) watch(ctx context.Context, side kubernetes.Interface, which fields.Selector, sees func(*corev1.Pod), loses func(string)) (informers.SharedInformerFactory, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(side, 0, informers.WithNamespace(f.namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.FieldSelector = which.String() }))
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { sees(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { sees(o.(*corev1.Pod)) },
		DeleteFunc: func(o any) {
			if name, err := cache.DeletionHandlingObjectToName(o); err == nil && loses != nil {
				loses(name.Name)
			}
		},
	})
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return factory, err
}

// run does what is to be done until ctx ends.
func (f *floor) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case do := <-f.work:
			if err := do(ctx); err != nil && ctx.Err() == nil {
				f.mu.Lock()
				f.errs = append(f.errs, err)
				f.mu.Unlock()
			}
		}
	}
}

// once has something done unless the pod has come as far already.
func (f *floor) once(name string, to step, do func(context.Context) error) {
	f.mu.Lock()
	behind := f.done[name] < to
	if behind {
		f.done[name] = to
	}
	f.mu.Unlock()
	if behind {
		f.work <- do
	}
}

func (f *floor) seesAbove(pod *corev1.Pod) {
	if pod.DeletionTimestamp != nil {
		f.once(pod.Name, deleted, func(ctx context.Context) error {
			return f.downstream.CoreV1().Pods(f.namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{})
		})
		return
	}
	f.once(pod.Name, created, func(ctx context.Context) error {
		below := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Spec: *pod.Spec.DeepCopy()}
		below.Spec.NodeName, below.Spec.Volumes, below.Spec.ServiceAccountName = "", nil, ""
		for i := range below.Spec.Containers {
			below.Spec.Containers[i].VolumeMounts = nil
		}
		_, err := f.downstream.CoreV1().Pods(f.namespace).Create(ctx, below, metav1.CreateOptions{})
		return err
	})
}

func (f *floor) seesBelow(pod *corev1.Pod) {
	if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
		return
	}
	f.once(pod.Name, told, func(ctx context.Context) error {
		patch, err := json.Marshal(corev1.Pod{Status: pod.Status})
		if err != nil {
			return fmt.Errorf("cannot encode a status: %w", err)
		}
		_, err = f.upstream.CoreV1().Pods(f.namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	})
}

func (f *floor) losesBelow(name string) {
	f.once(name, released, func(ctx context.Context) error {
		return f.upstream.CoreV1().Pods(f.namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	})
}
