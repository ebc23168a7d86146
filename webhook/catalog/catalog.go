package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// Catalog is all SidecarSets. It is empty until Watch has returned.
type Catalog struct {
	// namespace is where revisions are; empty if there are none.
	namespace string

	mu        sync.Mutex
	objects   map[string]*decoded
	revisions map[string]*appsv1.ControllerRevision
	compiled  map[string]*sidecar.Set

	sorted atomic.Pointer[[]*sidecar.Set]
}

// decoded is a SidecarSet and what its type has no place for; or why it could not
// be decoded, and what could.
type decoded struct {
	set     *v1alpha1.SidecarSet
	unknown []error
	err     error
}

// New returns an empty catalog. namespace is where the ControllerRevisions of
// SidecarSets are; if it is empty, no revision can be pinned.
func New(namespace string) *Catalog {
	return &Catalog{
		namespace: namespace,
		objects:   map[string]*decoded{},
		revisions: map[string]*appsv1.ControllerRevision{},
		compiled:  map[string]*sidecar.Set{},
	}
}

// CacheOptions say which ControllerRevisions a cache is to hold: those of
// SidecarSets in namespace, if there is one.
func CacheOptions(namespace string) map[client.Object]cache.ByObject {
	if namespace == "" {
		return nil
	}
	ofSets, err := labels.NewRequirement(api.SidecarSetNameLabel, selection.Exists, nil)
	if err != nil {
		return nil // the label is a constant, and a valid one
	}
	return map[client.Object]cache.ByObject{
		&appsv1.ControllerRevision{}: {
			Namespaces: map[string]cache.Config{namespace: {}},
			Label:      labels.NewSelector().Add(*ofSets),
		},
	}
}

// NewObject returns a SidecarSet in the form in which it is watched.
func NewObject() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SidecarSet"))
	return object
}

// Decode reads a SidecarSet; unknown are the fields of its spec that its type has
// not. What else a newer API server or controller writes, such as a status, says
// nothing of what is to be injected.
func Decode(object *unstructured.Unstructured) (set *v1alpha1.SidecarSet, unknown []error, err error) {
	set = &v1alpha1.SidecarSet{}
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, set, true)
	if strict, isStrict := runtime.AsStrictDecodingError(err); isStrict {
		return set, slices.DeleteFunc(slices.Clone(strict.Errors()), func(err error) bool { return !strings.Contains(err.Error(), `"spec`) }), nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the SidecarSet: %w", err)
	}
	return set, nil, nil
}

// Sets returns all sets, sorted by name. They are shared memory.
func (c *Catalog) Sets() []*sidecar.Set {
	if sorted := c.sorted.Load(); sorted != nil {
		return *sorted
	}
	return nil
}

// Watch fills the catalog, waits until it is full, and keeps it so until the cache
// is stopped. The API server must serve SidecarSets.
func (c *Catalog) Watch(ctx context.Context, from cache.Cache) error {
	var synced []toolscache.InformerSynced
	watch := func(object client.Object, change, gone func(object any)) error {
		informer, err := from.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("cannot watch %T: %w", object, err)
		}
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    change,
			UpdateFunc: func(_, object any) { change(object) },
			DeleteFunc: func(object any) {
				if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
					object = last.Obj
				}
				gone(object)
			},
		})
		if err != nil {
			return fmt.Errorf("cannot watch %T: %w", object, err)
		}
		synced = append(synced, registration.HasSynced)
		return nil
	}
	if c.namespace != "" {
		err := watch(&appsv1.ControllerRevision{}, func(o any) { c.changeRevision(o, false) }, func(o any) { c.changeRevision(o, true) })
		if err != nil {
			return err
		}
	}
	if err := watch(NewObject(), func(o any) { c.changeSet(o, false) }, func(o any) { c.changeSet(o, true) }); err != nil {
		return err
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), synced...) {
		return fmt.Errorf("cannot fill the catalog of SidecarSets: %w", context.Cause(ctx))
	}
	return nil
}

func (c *Catalog) changeSet(object any, gone bool) {
	changed, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := changed.GetName()
	if gone || changed.GetDeletionTimestamp() != nil {
		delete(c.objects, name)
		delete(c.compiled, name)
		c.sort()
		return
	}
	set, unknown, err := Decode(changed)
	if err != nil {
		// Some of it may be read, such as the selector, which says whom to tell.
		set = readable(changed)
	}
	c.objects[name] = &decoded{set: set, unknown: unknown, err: err}
	c.compile(name)
	c.sort()
}

// readable returns a SidecarSet with what can be read of one that does not
// decode: its metadata, and which pods it is about. What cannot be read either
// stays empty, and a set without a selector selects nothing.
func readable(object *unstructured.Unstructured) *v1alpha1.SidecarSet {
	set := &v1alpha1.SidecarSet{}
	set.Name, set.UID = object.GetName(), object.GetUID()
	set.Spec.Selector = selectorAt(object, "selector")
	set.Spec.NamespaceSelector = selectorAt(object, "namespaceSelector")
	if namespace, _, err := unstructured.NestedString(object.Object, "spec", "namespace"); err == nil {
		set.Spec.Namespace = namespace
	}
	return set
}

func selectorAt(object *unstructured.Unstructured, field string) *metav1.LabelSelector {
	value, found, err := unstructured.NestedMap(object.Object, "spec", field)
	selector := &metav1.LabelSelector{}
	if err != nil || !found || runtime.DefaultUnstructuredConverter.FromUnstructured(value, selector) != nil {
		return nil
	}
	return selector
}

func (c *Catalog) changeRevision(object any, gone bool) {
	revision, ok := object.(*appsv1.ControllerRevision)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if gone {
		delete(c.revisions, revision.Name)
	} else {
		c.revisions[revision.Name] = revision
	}
	set := revision.Labels[api.SidecarSetNameLabel]
	if known := c.objects[set]; known != nil && known.set.Spec.InjectionStrategy.Revision != nil {
		c.compile(set)
		c.sort()
	}
}

// compile makes the set of that name ready, with the version that it pins.
func (c *Catalog) compile(name string) {
	object := c.objects[name]
	if object.err != nil {
		c.compiled[name] = sidecar.Unreadable(object.set, object.err)
		return
	}
	revisions := slices.Collect(maps.Values(c.revisions))
	c.compiled[name] = sidecar.Compile(object.set, object.unknown).WithPinned(revisions)
}

// sort publishes what the catalog holds now.
func (c *Catalog) sort() {
	sorted := make([]*sidecar.Set, 0, len(c.compiled))
	for _, set := range c.compiled {
		sorted = append(sorted, set)
	}
	slices.SortFunc(sorted, func(a, b *sidecar.Set) int { return strings.Compare(a.Name(), b.Name()) })
	c.sorted.Store(&sorted)
}
