package spread

import (
	"iter"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Roll counts the pods of one controller as they come, change and go, so that a
// decision need not go through all of them. The zero value has no pods. It is not safe
// for concurrent use.
type Roll struct {
	// pods are those counted, by name.
	pods map[string]entry
	// versions are the counts, by the pods' label of that name, which may be missing.
	versions map[string]*attendance
	// claims are the pods that have each key of a reservation, by WorkloadSpread.
	claims map[string]map[string]claim
}

// entry is what counts of a pod.
type entry struct {
	version         string
	match           Match
	matched, active bool
	created         time.Time
	// uid is the pod's, and seen the resource version at which it was seen first.
	uid  types.UID
	seen uint64
}

// claim is about the pods that have a key, which are one as a rule.
type claim struct {
	pods int
	// seen is the resource version at which the last of them was seen first.
	seen uint64
}

// attendance counts the pods of one version.
type attendance struct {
	pods, active int
	// taken counts active pods by what their annotation says, but for the key.
	taken map[Match]int
	// created counts pods by the second in which they were created, but for those
	// that were too old when somebody last asked.
	created map[int64]int
}

// Turnout is what a ledger needs to know of pods.
type Turnout struct {
	// Versions are the counts by version.
	Versions map[string]VersionTurnout
	// Unseen are the keys, of the reservations there are, that no pod has.
	Unseen map[string]bool
	// Settled are those of which all pods have been seen for a while, up to the resource
	// version SettledUpTo.
	Settled     map[string]bool
	SettledUpTo uint64
}

// VersionTurnout is about the pods of one version.
type VersionTurnout struct {
	// Active is how many are active, and Taken how many of those are in each subset.
	Active int
	Taken  map[string]int
	// Young is how many pods, active or not, were created so lately that they may be
	// among those decided for lately.
	Young int
}

// Put counts a pod as it is now; one that was counted is counted anew.
func (r *Roll) Put(pod *corev1.Pod) {
	if r.pods == nil {
		r.pods, r.versions, r.claims = map[string]entry{}, map[string]*attendance{}, map[string]map[string]claim{}
	}
	e := entry{
		version: pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey], active: IsActive(pod), created: pod.CreationTimestamp.Time,
		uid: pod.UID, seen: Revision(pod.ResourceVersion),
	}
	e.match, e.matched = MatchOf(pod)
	if before, counted := r.pods[pod.Name]; counted && before.uid == e.uid && before.match == e.match {
		e.seen = before.seen
	}
	r.Drop(pod.Name)
	r.pods[pod.Name] = e
	r.change(pod.Name, e, 1)
}

// Drop no longer counts the pod of that name.
func (r *Roll) Drop(name string) {
	if e, counted := r.pods[name]; counted {
		delete(r.pods, name)
		r.change(name, e, -1)
	}
}

// IsEmpty says that there are no pods.
func (r *Roll) IsEmpty() bool { return len(r.pods) == 0 }

func (r *Roll) change(name string, e entry, by int) {
	v := r.versions[e.version]
	if v == nil {
		v = &attendance{taken: map[Match]int{}, created: map[int64]int{}}
		r.versions[e.version] = v
	}
	// Of a second that was forgotten nobody asks again.
	if second := e.created.Unix(); by > 0 || v.created[second] > 0 {
		add(v.created, second, by)
	}
	v.pods += by
	if e.active {
		v.active += by
	}
	if e.matched {
		r.claim(e, name, by)
		if e.active {
			add(v.taken, Match{Name: e.match.Name, Subset: e.match.Subset}, by)
		}
	}
	if v.pods == 0 {
		delete(r.versions, e.version)
	}
}

// claim counts a pod with the key of a reservation.
func (r *Roll) claim(e entry, name string, by int) {
	keys, key := r.claims[e.match.Name], e.match.Key(name)
	if keys == nil {
		keys = map[string]claim{}
		r.claims[e.match.Name] = keys
	}
	c := keys[key]
	c.pods, c.seen = c.pods+by, max(c.seen, e.seen)
	keys[key] = c
	if c.pods == 0 {
		delete(keys, key)
	}
	if len(keys) == 0 {
		delete(r.claims, e.match.Name)
	}
}

// add changes a count, and forgets it when it is 0.
func add[K comparable](counts map[K]int, key K, by int) {
	if counts[key] += by; counts[key] == 0 {
		delete(counts, key)
	}
}

// TurnoutOf is what a ledger of ws needs to know of the pods of its controllers, whose
// rolls these are. Pods have settled that were seen up to a resource version.
func TurnoutOf(ws *v1alpha1.WorkloadSpread, now time.Time, settledUpTo uint64, rolls ...*Roll) *Turnout {
	t := &Turnout{Versions: map[string]VersionTurnout{}, Unseen: map[string]bool{}, Settled: map[string]bool{}, SettledUpTo: settledUpTo}
	versioned := isVersioned(TargetKind(ws))
	var claims []map[string]claim
	for _, r := range rolls {
		claims = append(claims, r.claims[ws.Name])
		for label, counts := range r.versions {
			version := label
			if !versioned || label == "" {
				version = VersionIgnored
			}
			t.Versions[version] = counts.addTo(t.Versions[version], ws.Name, now)
		}
	}
	for key := range reservedKeys(ws) {
		var all claim
		for _, keys := range claims {
			c := keys[key]
			all.pods, all.seen = all.pods+c.pods, max(all.seen, c.seen)
		}
		switch {
		case all.pods == 0:
			t.Unseen[key] = true
		case all.seen > 0 && all.seen <= settledUpTo:
			t.Settled[key] = true
		}
	}
	return t
}

func (a *attendance) addTo(sum VersionTurnout, ws string, now time.Time) VersionTurnout {
	if sum.Taken == nil {
		sum.Taken = map[string]int{}
	}
	sum.Active += a.active
	sum.Young += a.young(now)
	for place, n := range a.taken {
		if place.Name == ws {
			sum.Taken[place.Subset] += n
		}
	}
	return sum
}

// reservedKeys are those of all reservations in a status.
func reservedKeys(ws *v1alpha1.WorkloadSpread) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, statuses := range ws.Status.VersionedSubsetStatuses {
			for i := range statuses {
				for key := range statuses[i].CreatingPods {
					if !yield(key) {
						return
					}
				}
			}
		}
	}
}

// young counts the pods that are young, and forgets when the others were created.
func (a *attendance) young(now time.Time) (n int) {
	since := youngSince(now)
	for second, pods := range a.created {
		if !time.Unix(second, 0).After(since) {
			delete(a.created, second)
			continue
		}
		n += pods
	}
	return n
}

// youngSince is when a young pod was created, or later. Times of creation are in whole
// seconds.
func youngSince(now time.Time) time.Time { return now.Add(-LatelyWindow - time.Second) }

// NeedsPods says whether a ledger of ws needs the pods themselves: those by which a
// subset is being tried are told from others by more than is counted.
func NeedsPods(ws *v1alpha1.WorkloadSpread) bool {
	for i := range ws.Spec.Subsets {
		if c := schedulableAt(ws, i); c != nil && c.Status == corev1.ConditionUnknown {
			return true
		}
	}
	return false
}
