package spread_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// TestNeverMoreThanMax plays a cluster in which everything goes wrong that may:
// replicas whose caches lag by up to 20 s, reservations that others have given up, an API server that cannot be read, creates that are refused after
// admission or take seconds, answers that are lost, pods that are deleted, a wish that changes, conflicts
// at every turn. At no time may a subset have more pods than its cap; and once
// the dust has settled, none may be left half empty.
func TestNeverMoreThanMax(t *testing.T) {
	for seed := range uint64(2000) {
		w := newPlayed(seed)
		w.cordons, w.unreadable = seed%4 == 3, seed%4 == 2
		if seed%8 > 0 {
			w.status.SubsetStatuses = []v1alpha1.WorkloadSpreadSubsetStatus{{Name: "a"}, {Name: "b"}}
		}
		for range 150 {
			w.step()
			if n := w.inA(); n > w.capOfA {
				t.Fatalf("seed %d, after %s: %d pods in a subset of %d", seed, w.now.Sub(noon()), n, w.capOfA)
			}
		}
		w.settle()
		if n, want := w.inA(), min(w.capOfA, len(w.pods)); n != want {
			t.Fatalf("seed %d: %d of %d pods in a, want %d", seed, n, len(w.pods), want)
		}
	}
}

// played is a cluster as the API server knows it.
type played struct {
	*rand.Rand

	now      time.Time
	capOfA   int
	status   v1alpha1.WorkloadSpreadStatus
	version  int // of the WorkloadSpread
	pods     map[string]*corev1.Pod
	revision uint64 // of the pods
	past     []snapshot
	replicas [3]replica
	wanted   int
	onTheWay []creation
	admitted int
	// cordons: virtual nodes are cordoned and uncordoned, of which replicas learn
	// whenever they do.
	cordons bool
	// unreadable: reads from the API server fail at times.
	unreadable bool
	cordoned   map[string]bool
}

// snapshot is what the API server had at a time.
type snapshot struct {
	at      time.Time
	status  v1alpha1.WorkloadSpreadStatus
	version int
	pods    map[string]*corev1.Pod
	// revision is that of the pods.
	revision uint64
}

// replica is a webhook with caches of its own.
type replica struct {
	// behind is the index of the snapshot that its caches are at.
	behind int
	gone   map[string]time.Time
}

// creation is a pod between admission and the API server's storage.
type creation struct {
	pod     *corev1.Pod
	arrives time.Time
	refused bool
}

func newPlayed(seed uint64) *played {
	w := &played{Rand: rand.New(rand.NewPCG(seed, 0)), now: noon(), pods: map[string]*corev1.Pod{}}
	w.capOfA = 1 + w.IntN(5)
	w.wanted = w.IntN(12)
	for i := range w.replicas {
		w.replicas[i].gone = map[string]time.Time{}
	}
	w.remember()
	return w
}

func (w *played) remember() {
	w.past = append(w.past, snapshot{at: w.now, status: *w.status.DeepCopy(), version: w.version, pods: maps.Clone(w.pods), revision: w.revision})
}

// step lets some time pass, and one thing happen.
func (w *played) step() {
	w.now = w.now.Add(time.Duration(w.IntN(1500)) * time.Millisecond)
	w.arrive()
	switch w.IntN(6) {
	case 0:
		w.deleteOne()
	case 1:
		if len(w.onTheWay) == 0 { // the controller has seen the wish before this one
			w.wanted = w.IntN(12)
		}
	default:
		if w.cordons {
			w.cordoned = map[string]bool{"a": w.IntN(3) == 0, "b": w.IntN(2) == 0}
			w.create(0, 1+w.IntN(4))
			break
		}
		w.create(w.IntN(4), 1+w.IntN(4))
	}
	w.remember()
	for i := range w.replicas {
		w.catchUp(&w.replicas[i])
	}
}

// arrive stores what has come through, or refuses it.
func (w *played) arrive() {
	w.onTheWay = slices.DeleteFunc(w.onTheWay, func(c creation) bool {
		if c.arrives.After(w.now) {
			return false
		}
		if !c.refused {
			w.revision++
			c.pod.ResourceVersion = fmt.Sprint(w.revision)
			w.pods[c.pod.Name] = c.pod
		}
		return true
	})
}

func (w *played) deleteOne() {
	names := slices.Sorted(maps.Keys(w.pods))
	if len(names) > 0 {
		delete(w.pods, names[w.IntN(len(names))])
		w.revision++
	}
}

// catchUp moves a replica's caches on, at least to what was 20 s ago.
func (w *played) catchUp(r *replica) {
	for r.behind < len(w.past)-1 && (w.now.Sub(w.past[r.behind+1].at) > 20*time.Second || w.IntN(3) == 0) {
		for name, pod := range w.past[r.behind].pods {
			if _, still := w.past[r.behind+1].pods[name]; !still {
				match, _ := spread.MatchOf(pod)
				r.gone[match.UID] = w.now
			}
		}
		r.behind++
	}
}

// create has the controller create as many pods as it may, by several replicas
// that decide without knowing of each other.
func (w *played) create(oneInRefused, replicas int) {
	for i := range min(replicas, len(w.replicas)) {
		n := min(w.wanted-len(w.pods)-len(w.onTheWay), 1+w.IntN(4))
		if n <= 0 {
			return
		}
		const longest = 4000
		for _, pod := range w.admit(&w.replicas[i], n) {
			w.onTheWay = append(w.onTheWay, creation{
				pod: pod, arrives: w.now.Add(time.Duration(w.IntN(longest)) * time.Millisecond), refused: oneInRefused > 0 && w.IntN(oneInRefused) == 0,
			})
		}
	}
}

// admit decides a batch as the allocator does: on caches first, on what the API
// server has when those cannot be true, again after a conflict.
func (w *played) admit(r *replica, n int) []*corev1.Pod {
	if w.IntN(8) == 0 {
		// An answer that came too late: the API server asks again, under other UIDs.
		w.ask(r, w.requests(1+w.IntN(n)))
	}
	return w.ask(r, w.requests(n))
}

func (w *played) requests(n int) (requests []spread.Request) {
	for range n {
		w.admitted++
		requests = append(requests, spread.Request{Pod: podV1(""), UID: fmt.Sprintf("uid-%d", w.admitted)})
	}
	return requests
}

// ask has a replica decide.
func (w *played) ask(r *replica, requests []spread.Request) []*corev1.Pod {
	seen, live, unread := w.past[r.behind], false, false
	for {
		l := ledgerOf(fmt.Sprintf("a=%d b", w.capOfA), wants(w.wanted))
		l.Now, l.Live, l.Unread, l.Gone, l.SeenUpTo = w.now, live, unread, r.gone, seen.revision
		if w.cordons && w.IntN(3) > 0 {
			l.Cordoned = w.cordoned
		}
		l.Spread.Status = *seen.status.DeepCopy()
		pods := seen.pods
		if live {
			pods = w.pods
		}
		l.Pods = slices.Collect(maps.Values(pods))
		if !live {
			l.Pods, l.Turnout = nil, turnoutOf(l, seen.revision)
		}
		choices := l.Choose(requests)
		switch {
		case choices.Stale:
			unread = w.unreadable && w.IntN(3) == 0
			live = !unread
		case choices.Status != nil && seen.version != w.version:
			seen = snapshot{status: w.status, version: w.version, pods: seen.pods, revision: seen.revision}
		default:
			if choices.Status != nil {
				w.status = *choices.Status
				w.version++
			}
			return w.placed(requests, choices)
		}
	}
}

// turnoutOf is that of the ledger's pods, all of which have settled.
func turnoutOf(l spread.Ledger, settledUpTo uint64) *spread.Turnout {
	var roll spread.Roll
	for _, pod := range l.Pods {
		roll.Put(pod)
	}
	return spread.TurnoutOf(l.Spread, l.Now, settledUpTo, &roll)
}

func (w *played) placed(requests []spread.Request, choices spread.Choices) []*corev1.Pod {
	var pods []*corev1.Pod
	for i, d := range choices.Decisions {
		pod := podV1("pod-of-" + requests[i].UID)
		pod.Spec.NodeName = "node"
		pod.Annotations = map[string]string{api.MatchedWorkloadSpreadAnnotation: fmt.Sprintf(`{"name":"ws","subset":%q,"uid":%q}`, d.Subset.Name, d.UID)}
		pods = append(pods, pod)
	}
	return pods
}

func (w *played) inA() int {
	n := 0
	for _, pod := range w.pods {
		if match, _ := spread.MatchOf(pod); match.Subset == "a" {
			n++
		}
	}
	return n
}

// settle scales to nothing, waits until nothing is on its way and all caches are
// up to date, and scales up again, at once and with no reservation expired.
func (w *played) settle() {
	w.now = w.now.Add(5 * time.Second)
	w.arrive()
	w.pods, w.wanted, w.cordons, w.unreadable = map[string]*corev1.Pod{}, 8, false, false
	w.allCatchUp()
	for len(w.pods) < w.wanted {
		w.create(0, 1)
		w.now = w.now.Add(4 * time.Second)
		w.arrive()
		w.allCatchUp()
	}
}

func (w *played) allCatchUp() {
	w.remember()
	for i := range w.replicas {
		for w.replicas[i].behind < len(w.past)-1 {
			w.catchUp(&w.replicas[i])
		}
	}
}
