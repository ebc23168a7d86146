package references

import (
	"hash/maphash"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// book is what the process remembers of copies. All of it can be lost: it saves
// requests and events, and says whom to wake.
type book struct {
	mu    sync.Mutex
	pages map[Key]*page
}

type page struct {
	state State
	// settled is what the last write left behind, and when that was.
	settled   Versions
	settledAt time.Time
	// corrected is when a change made by somebody else downstream was last undone.
	corrected time.Time
	// waiting are the upstream pods to wake when the state changes.
	waiting map[types.NamespacedName]struct{}
	// told are the pods, by UID, that have an event about the state.
	told map[types.UID]State
	// trouble says that running pods are told why the copy is not as it has to be.
	trouble bool
}

func newBook() *book { return &book{pages: make(map[Key]*page)} }

// on calls do with the page of a copy.
func (b *book) on(key Key, do func(*page)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[key]
	if p == nil {
		p = &page{waiting: make(map[types.NamespacedName]struct{}), told: make(map[types.UID]State)}
		b.pages[key] = p
	}
	do(p)
}

// read returns what the page of a copy says.
func (b *book) read(key Key) (now page) {
	b.on(key, func(p *page) { now = *p })
	return now
}

// wait has a pod woken when the state of a copy changes, and calm undoes that.
func (b *book) wait(key Key, pod types.NamespacedName) {
	b.on(key, func(p *page) { p.waiting[pod] = struct{}{} })
}

func (b *book) calm(key Key, pod types.NamespacedName) {
	b.on(key, func(p *page) { delete(p.waiting, pod) })
}

// turn notes the state of a copy and returns the pods to wake if it has changed.
func (b *book) turn(key Key, state State) (wake []types.NamespacedName) {
	b.on(key, func(p *page) {
		before := p.state
		p.state = state
		if before == state || before == "" {
			return
		}
		clear(p.told)
		wake = p.rouse()
	})
	return wake
}

// rouse returns the pods to wake although the state of a copy is as it was.
func (b *book) rouse(key Key) (wake []types.NamespacedName) {
	b.on(key, func(p *page) { wake = p.rouse() })
	return wake
}

func (p *page) rouse() (wake []types.NamespacedName) {
	for pod := range p.waiting {
		wake = append(wake, pod)
	}
	clear(p.waiting)
	return wake
}

// tell says whether a pod has yet to be told of a state.
func (b *book) tell(key Key, pod types.UID, state State) (news bool) {
	b.on(key, func(p *page) {
		news = p.told[pod] != state
		p.told[pod] = state
	})
	return news
}

// untell forgets that a pod was told.
func (b *book) untell(key Key, pod types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[key]; p != nil {
		delete(p.told, pod)
	}
}

// trouble notes whether running pods are to be told of a copy.
func (b *book) trouble(key Key, is bool) {
	b.on(key, func(p *page) { p.trouble = is })
}

// troubled returns what was noted last.
func (b *book) troubled(key Key) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[key]
	return p != nil && p.trouble
}

// forget drops the page of a copy that no pod uses any more.
func (b *book) forget(key Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pages, key)
}

// conflicts counts the copies whose names are taken.
func (b *book) conflicts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, p := range b.pages {
		if p.state == Conflict {
			n++
		}
	}
	return n
}

// locks let only one goroutine work on a copy. Two copies may share a lock, which
// costs a little waiting now and then.
type locks struct {
	seed maphash.Seed
	all  [256]sync.Mutex
}

func newLocks() *locks { return &locks{seed: maphash.MakeSeed()} }

func (l *locks) lock(key Key) (unlock func()) {
	mu := &l.all[maphash.Comparable(l.seed, key)%uint64(len(l.all))]
	mu.Lock()
	return mu.Unlock
}
