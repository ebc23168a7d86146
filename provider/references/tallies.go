package references

import (
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
)

// tallies count the pods that use each copy, from what the caches announce of pods, so
// that a pod comes and goes at a cost that does not depend on how many others use the
// same copy. They can be a moment behind the caches: no copy is let go or withdrawn for
// what they say, see users.of.
type tallies struct {
	rules translate.Rules

	mu     sync.Mutex
	pairs  map[types.NamespacedName]*pair
	copies map[Key]*tally
}

// tally is what is counted of one copy.
type tally struct {
	count
	users map[*pair]struct{}
}

// count is how many pods use a copy: upstream pods, those of them that cannot do
// without it, those that have started, and downstream pods that hold it.
type count struct{ Users, Needing, Started, Held int }

// pair is an upstream pod and the downstream pod of its name, each nil if there is
// none, and what they use.
type pair struct {
	above, below *corev1.Pod
	uses         []use
}

// use is one copy that a pair uses. Its Want is more than a key only if the upstream
// pod uses it.
type use struct {
	Want
	// Used says that the upstream pod uses it, and Started that it also runs.
	Used, Started bool
	// Held says that the downstream pod has it in its spec, and Made that the upstream
	// pod uses it by the rules that the downstream pod was made by.
	Held, Made bool
}

// change is what a pod's coming or going does to the tally of a copy.
type change struct {
	key           Key
	before, after count
	// began says that the pod has just started, or to use the copy since it runs.
	began bool
	// left is the UID of the upstream pod that uses the copy no more, if there is one.
	left types.UID
}

func newTallies(rules translate.Rules) *tallies {
	return &tallies{rules: rules, pairs: make(map[types.NamespacedName]*pair), copies: make(map[Key]*tally)}
}

// matters says whether something is to be done about the copy: a pod runs with it for
// the first time, or nobody uses, needs or holds it any more.
func (c change) matters() bool {
	return c.before.Started == 0 && c.after.Started > 0 ||
		c.before.Users > 0 && c.after.Users == 0 ||
		c.before.Needing > 0 && c.after.Needing == 0 ||
		c.before.Held > 0 && c.after.Held == 0 && c.after.Users == 0
}

// sawAbove takes over an upstream pod as it is now; gone says that it is no more.
func (t *tallies) sawAbove(pod *corev1.Pod, gone bool) []change {
	name := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	if gone {
		pod = nil
	}
	return t.update(name, func(p *pair) { p.above = pod })
}

// sawBelow takes over a downstream pod, likewise.
func (t *tallies) sawBelow(pod *corev1.Pod, gone bool) []change {
	namespace, mapped := t.rules.Namespaces.Upstream(pod.Namespace)
	if !mapped {
		namespace = "/" + pod.Namespace // It has no upstream pod; no namespace has such a name.
	}
	name := types.NamespacedName{Namespace: namespace, Name: pod.Name}
	if gone || !t.rules.Owns(pod) {
		pod = nil
	}
	return t.update(name, func(p *pair) { p.below = pod })
}

func (t *tallies) update(name types.NamespacedName, see func(*pair)) []change {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pairs[name]
	if p == nil {
		p = &pair{}
		t.pairs[name] = p
	}
	before := *p
	see(p)
	if p.above == nil && p.below == nil {
		delete(t.pairs, name)
	}
	if alike(before.above, p.above) && alike(before.below, p.below) {
		return nil
	}
	p.uses = usesOf(p.above, p.below, t.rules)
	if slices.Equal(before.uses, p.uses) && uidOf(before.above) == uidOf(p.above) {
		return nil
	}
	return t.recount(p, before)
}

// recount counts what a pair uses in place of what it used before.
func (t *tallies) recount(p *pair, before pair) []change {
	changes := make(map[Key]change, len(p.uses))
	for _, u := range before.uses {
		c := change{key: u.Key, before: t.countOf(u.Key)}
		if now, _ := findUse(p.uses, u.Key); u.Used && (!now.Used || uidOf(before.above) != uidOf(p.above)) {
			c.left = before.above.UID
		}
		changes[u.Key] = c
	}
	for _, u := range p.uses {
		c, known := changes[u.Key]
		if !known {
			c = change{key: u.Key, before: t.countOf(u.Key)}
		}
		was, _ := findUse(before.uses, u.Key)
		c.began = u.Started && (!was.Started || uidOf(before.above) != uidOf(p.above))
		changes[u.Key] = c
	}
	for _, u := range before.uses {
		t.add(p, u, -1)
	}
	for _, u := range p.uses {
		t.add(p, u, 1)
	}
	for key, c := range changes {
		c.after = t.countOf(key)
		changes[key] = c
	}
	return slices.Collect(maps.Values(changes))
}

// add counts one use n times: once, or once less.
func (t *tallies) add(p *pair, u use, n int) {
	of := t.copies[u.Key]
	if of == nil {
		of = &tally{users: make(map[*pair]struct{})}
		t.copies[u.Key] = of
	}
	if u.Held {
		of.Held += n
	}
	if u.Used {
		of.Users += n
		if !u.Optional {
			of.Needing += n
		}
		if u.Started {
			of.Started += n
		}
		if n > 0 {
			of.users[p] = struct{}{}
		} else {
			delete(of.users, p)
		}
	}
	if of.count == (count{}) {
		delete(t.copies, u.Key)
	}
}

func (t *tallies) countOf(key Key) count {
	if of := t.copies[key]; of != nil {
		return of.count
	}
	return count{}
}

// of returns how many pods use a copy.
func (t *tallies) of(key Key) count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.countOf(key)
}

// one returns any upstream pod that uses a copy, false if there is none.
func (t *tallies) one(key Key) (user, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.copies[key]
	if of == nil {
		return user{}, false
	}
	for p := range of.users {
		u, _ := findUse(p.uses, key)
		rules := t.rules
		if u.Made {
			rules = rules.MadeFor(p.below)
		}
		return user{Pod: p.above, Rules: rules, Want: u.Want}, true
	}
	return user{}, false
}
