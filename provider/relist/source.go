package relist

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/watchlist"
)

// Informers makes the informers of one cache. The zero value has made none.
type Informers struct {
	mu  sync.Mutex
	all []*relister
}

// New returns an informer that lists again at once when its watch has expired, and
// soon when a list lacked much of what it knew. It is cache.Options.NewInformer.
func (i *Informers) New(source toolscache.ListerWatcher, example runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	r := &relister{
		ListerWatcherWithContext: toolscache.ToListerWatcherWithContext(source),
		example:                  example,
		streams:                  !watchlist.DoesClientNotSupportWatchListSemantics(source),
		known:                    map[toolscache.ObjectName]string{},
		doubts:                   make(chan struct{}, 1),
	}
	informer := toolscache.NewSharedIndexInformer(r, example, resync, indexers)
	r.store = informer.GetStore()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all = append(i.all, r)
	return informer
}

// Doubt has all of them list again a few times: somebody found that something exists
// that a list lacked, maybe the first one of all, which nothing can be held against. It
// never blocks.
func (i *Informers) Doubt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, r := range i.all {
		select {
		case r.doubts <- struct{}{}:
		default:
		}
	}
}

// relister is the source of one informer, which uses it from one goroutine at a time.
type relister struct {
	toolscache.ListerWatcherWithContext
	example runtime.Object
	// streams says that lists can come as the beginning of a watch.
	streams bool
	store   toolscache.Store

	mu sync.Mutex
	// known are the resource versions of all objects that the informer was told of.
	// Its store says the same a little later, and has the objects.
	known map[toolscache.ObjectName]string
	// before is what was known when a list began that is not complete yet.
	before map[toolscache.ObjectName]string
	doubt  doubt
	// doubts holds at most one doubt of somebody else.
	doubts chan struct{}
}

// IsWatchListSemanticsUnSupported is asked by informers.
func (r *relister) IsWatchListSemanticsUnSupported() bool { return !r.streams }

// List is for informers that were not written for contexts.
func (r *relister) List(options metav1.ListOptions) (runtime.Object, error) {
	return r.ListWithContext(context.Background(), options)
}

// Watch is for informers that were not written for contexts.
func (r *relister) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return r.WatchWithContext(context.Background(), options)
}

// ListWithContext remembers what it lists. Lists come in pages.
func (r *relister) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := r.ListerWatcherWithContext.ListWithContext(ctx, options)
	if err != nil {
		return nil, err
	}
	versions, err := versionsOf(list)
	if err != nil {
		return nil, err
	}
	more := ""
	if at, err := meta.ListAccessor(list); err == nil {
		more = at.GetContinue()
	}
	if options.Continue == "" {
		r.begin()
	}
	r.mu.Lock()
	maps.Copy(r.known, versions)
	r.mu.Unlock()
	if more == "" {
		r.complete()
	}
	return list, nil
}

// begin is called when the informer begins to be told of everything anew. What it was
// told by a list that never became complete it has forgotten: it still knows what was
// before that.
func (r *relister) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.before == nil {
		r.before = r.known
	}
	r.known = make(map[toolscache.ObjectName]string, len(r.before))
}

// complete is called when it was told of everything.
func (r *relister) complete() {
	missing := r.before
	r.before = nil
	before := len(missing)
	maps.DeleteFunc(missing, func(name toolscache.ObjectName, _ string) bool { return r.knows(name) })
	r.judge(missing, before)
}

// judge looks at what a list lacked, of so many objects that were known before.
func (r *relister) judge(missing map[toolscache.ObjectName]string, before int) {
	if suspicious(len(missing), before) {
		r.doubt = doubt{since: time.Now(), lost: missing}
	}
}

func (r *relister) knows(name toolscache.ObjectName) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.known[name]
	return known
}

// news is what an event says of an object, or of none if it is a bookmark.
type news struct {
	kind    watch.EventType
	name    toolscache.ObjectName
	version string
}

// newsOf is not ok for an event that the informer cannot do anything with either.
func newsOf(event watch.Event) (n news, ok bool) {
	object, err := meta.Accessor(event.Object)
	if err != nil || event.Type == watch.Error {
		return news{}, false
	}
	return news{event.Type, toolscache.MetaObjectToName(object), object.GetResourceVersion()}, true
}

// learn keeps in mind what the informer was told.
func (r *relister) learn(n news) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch n.kind {
	case watch.Bookmark:
	case watch.Deleted:
		delete(r.known, n.name)
	default:
		r.known[n.name] = n.version
	}
}

// missing are the names that the informer knows and a list lacks, and how many it
// knows.
func (r *relister) missing(there map[toolscache.ObjectName]string) (missing map[toolscache.ObjectName]string, before int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing = maps.Clone(r.known)
	maps.DeleteFunc(missing, func(name toolscache.ObjectName, _ string) bool {
		_, listed := there[name]
		return listed
	})
	return missing, len(r.known)
}

// changeTo is what a listed object is to the informer, or empty if it knows it.
func (r *relister) changeTo(object runtime.Object) watch.EventType {
	listed, err := meta.Accessor(object)
	if err != nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch version, known := r.known[toolscache.MetaObjectToName(listed)]; {
	case !known:
		return watch.Added
	case version != listed.GetResourceVersion():
		return watch.Modified
	}
	return ""
}

// lastKnown is an object that a list lacks, as the informer's store has it but for its
// UID: see the package documentation.
func (r *relister) lastKnown(name toolscache.ObjectName, version string) runtime.Object {
	if stored, there, err := r.store.GetByKey(name.String()); err == nil && there {
		if object, isObject := stored.(runtime.Object); isObject {
			gone := object.DeepCopyObject()
			r.typed(gone)
			if m, err := meta.Accessor(gone); err == nil {
				m.SetResourceVersion(version)
				m.SetUID("")
			}
			return gone
		}
	}
	return r.skeleton(name, version)
}

// skeleton is an object of the informer's kind with nothing but this.
func (r *relister) skeleton(name toolscache.ObjectName, version string) runtime.Object {
	object := r.example.DeepCopyObject()
	if m, err := meta.Accessor(object); err == nil {
		m.SetNamespace(name.Namespace)
		m.SetName(name.Name)
		m.SetResourceVersion(version)
	}
	return object
}

// typed gives an object the kind that informers of metadata insist on, and that
// items of lists lack.
func (r *relister) typed(object runtime.Object) {
	if kind := r.example.GetObjectKind().GroupVersionKind(); !kind.Empty() {
		object.GetObjectKind().SetGroupVersionKind(kind)
	}
}

func versionsOf(list runtime.Object) (map[toolscache.ObjectName]string, error) {
	versions := map[toolscache.ObjectName]string{}
	err := meta.EachListItem(list, func(item runtime.Object) error {
		object, err := meta.Accessor(item)
		if err != nil {
			return err
		}
		versions[toolscache.MetaObjectToName(object)] = object.GetResourceVersion()
		return nil
	})
	return versions, err
}
