package drain

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/workload"
)

// watcher knows the pods of a node and all that their fate depends on, by watches of
// the namespaces that they are in.
type watcher struct {
	node string
	// live reads from the API server, and writes to it.
	live   client.Client
	cached cache.Cache
	reader *workload.Reader
	// others are the pods of the node that did not opt in. None come while it is cordoned.
	others []*corev1.Pod
	// staying are the namespaces whose pods stay.
	staying map[string]bool
	// volumes are those that pods are tied to, by pod; they do not change.
	volumes map[types.UID][]*corev1.PersistentVolume

	stop   context.CancelFunc
	ended  sync.WaitGroup
	refuse chan error
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("cannot know the kinds: %w", err)
		}
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// watch begins to watch what the fate of a node's pods depends on. It returns nil for a
// node without pods. Close must be called.
func watch(ctx context.Context, config *rest.Config, live client.Client, node string) (*watcher, error) {
	var pods corev1.PodList
	if err := live.List(ctx, &pods, client.MatchingFields{"spec.nodeName": node}); err != nil {
		return nil, fmt.Errorf("cannot list the pods of the node: %w", err)
	}
	w := &watcher{
		node: node, live: live, refuse: make(chan error, 1),
		staying: map[string]bool{}, volumes: map[types.UID][]*corev1.PersistentVolume{},
	}
	namespaces := map[string]cache.Config{}
	for i := range pods.Items {
		pod := &pods.Items[i]
		namespaces[pod.Namespace] = cache.Config{}
		if pod.Labels[api.OptInLabel] != api.OptedIn {
			w.others = append(w.others, pod)
		}
	}
	if err := w.addWaiting(ctx, namespaces); err != nil {
		return nil, err
	}
	if len(namespaces) == 0 {
		return nil, nil
	}
	for name := range namespaces {
		var namespace corev1.Namespace
		if err := live.Get(ctx, client.ObjectKey{Name: name}, &namespace); err != nil {
			return nil, fmt.Errorf("cannot read namespace %q: %w", name, err)
		}
		w.staying[name] = namespace.Annotations[api.OnNodeLossAnnotation] == api.OnNodeLossStay
	}
	if err := w.start(ctx, config, namespaces); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// addWaiting adds the namespaces of pods that may wait for the node.
func (w *watcher) addWaiting(ctx context.Context, namespaces map[string]cache.Config) error {
	var pods corev1.PodList
	if err := w.live.List(ctx, &pods, client.MatchingFields{"spec.nodeName": ""}, client.MatchingLabels{api.OptInLabel: api.OptedIn}); err != nil {
		return fmt.Errorf("cannot list the pods that wait for a node: %w", err)
	}
	for i := range pods.Items {
		if _, matched := spread.MatchOf(&pods.Items[i]); matched {
			namespaces[pods.Items[i].Namespace] = cache.Config{}
		}
	}
	return nil
}

// start fills the caches. It fails at once where the user may not watch.
func (w *watcher) start(ctx context.Context, config *rest.Config, namespaces map[string]cache.Config) error {
	options := workload.CacheOptions()
	for object, by := range options {
		switch object.(type) {
		case *corev1.Pod, *corev1.Node:
			by.Transform = cache.TransformStripManagedFields() // the rest is asked about
			options[object] = by
		}
	}
	var err error
	w.cached, err = cache.New(config, cache.Options{
		Scheme: w.live.Scheme(), Mapper: w.live.RESTMapper(), ByObject: options, DefaultNamespaces: namespaces,
		DefaultWatchErrorHandler: w.watchFailed,
	})
	if err != nil {
		return fmt.Errorf("cannot make the caches: %w", err)
	}
	w.reader = workload.NewReader(w.cached, w.live, w.live)
	running, stop := context.WithCancel(ctx)
	w.stop = stop
	w.ended.Go(func() {
		if err := w.cached.Start(running); err != nil {
			w.fail(err)
		}
	})
	fill := w.reader.Start
	if _, err := w.live.RESTMapper().RESTMapping(v1alpha1.SchemeGroupVersion.WithKind("WorkloadSpread").GroupKind()); meta.IsNoMatchError(err) {
		fill = w.fill // nothing is targeted then
	}
	filled := make(chan error, 1)
	w.ended.Go(func() { filled <- fill(running) })
	select {
	case err = <-filled:
	case err = <-w.refuse:
	}
	return err
}

// fill is Start of the reader for a cluster without WorkloadSpreads: what is read there.
func (w *watcher) fill(ctx context.Context) error {
	if !w.cached.WaitForCacheSync(ctx) { // it has nothing to fill yet, but must have begun
		return context.Cause(ctx)
	}
	for _, object := range []client.Object{&corev1.Pod{}, &corev1.Node{}} {
		if _, err := w.cached.GetInformer(ctx, object); err != nil {
			return fmt.Errorf("cannot fill the caches: %w", err)
		}
	}
	return nil
}

// watchFailed ends the wait for a cache that the user may not fill; any other failure
// is tried again.
func (w *watcher) watchFailed(_ context.Context, _ *toolscache.Reflector, err error) {
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		w.fail(fmt.Errorf("cannot watch: %w", err))
	}
}

func (w *watcher) fail(err error) {
	select {
	case w.refuse <- err:
	default:
	}
}

// Close stops watching.
func (w *watcher) Close() {
	if w != nil && w.stop != nil {
		w.stop()
		w.ended.Wait()
	}
}

// look gathers what is known now.
func (w *watcher) look(ctx context.Context, homeOnly bool) (World, error) {
	world := World{Node: w.node, HomeOnly: homeOnly, Spreadings: map[types.UID]*Spreading{}, Staying: w.staying, Volumes: w.volumes}
	var err error
	if world.Nodes, err = w.reader.Nodes(ctx); err != nil {
		return world, err
	}
	if world.Peers, err = w.peers(ctx); err != nil {
		return world, err
	}
	spreadings := map[types.UID]*Spreading{}
	for _, pod := range world.Peers {
		waits := pod.Spec.NodeName == ""
		if pod.Spec.NodeName != w.node && !waits {
			continue
		}
		s := w.spreading(ctx, pod, spreadings)
		if waits && (s == nil || !world.waitsFor(pod, s)) {
			continue
		}
		world.Pods = append(world.Pods, pod)
		if s != nil {
			world.Spreadings[pod.UID] = s
		}
		if err := w.volumesOf(ctx, pod); err != nil {
			return world, err
		}
	}
	world.Pods = append(world.Pods, w.others...)
	return world, nil
}

// peers are the opted-in pods of the namespaces.
func (w *watcher) peers(ctx context.Context) ([]*corev1.Pod, error) {
	var list corev1.PodList
	if err := w.cached.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list pods: %w", err)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}

// spreading is what is known of the WorkloadSpread that targets a pod; nil if none does.
func (w *watcher) spreading(ctx context.Context, pod *corev1.Pod, known map[types.UID]*Spreading) *Spreading {
	ws, err := w.reader.SpreadOf(ctx, pod.Namespace, pod)
	if err != nil {
		return &Spreading{Object: ws, Err: err}
	}
	if ws == nil || known[ws.UID] != nil {
		if ws == nil {
			return nil
		}
		return known[ws.UID]
	}
	s := &Spreading{Object: ws}
	known[ws.UID] = s
	if s.Target, _, s.Err = w.reader.Target(ctx, ws); s.Err == nil {
		s.Pods, s.Err = w.reader.Pods(ctx, ws)
	}
	return s
}

// volumesOf reads the volumes of a pod's claims, once.
func (w *watcher) volumesOf(ctx context.Context, pod *corev1.Pod) error {
	if _, known := w.volumes[pod.UID]; known || !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil }) {
		return nil
	}
	var volumes []*corev1.PersistentVolume
	for i := range pod.Spec.Volumes {
		claimed := pod.Spec.Volumes[i].PersistentVolumeClaim
		if claimed == nil {
			continue
		}
		var claim corev1.PersistentVolumeClaim
		err := w.live.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: claimed.ClaimName}, &claim)
		if err == nil && claim.Spec.VolumeName != "" {
			volume := &corev1.PersistentVolume{}
			if err = w.live.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, volume); err == nil {
				volumes = append(volumes, volume)
			}
		}
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("cannot read the volume of claim %s/%s: %w", pod.Namespace, claimed.ClaimName, err)
		}
	}
	w.volumes[pod.UID] = volumes
	return nil
}
