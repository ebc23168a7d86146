package spread

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// Retention is how long a reservation holds its slot, unless its pod has been seen and it
// was given up: longer than any webhook's cache lags behind, since one that has not
// seen the pod yet must still find the reservation. The figure is Kruise's.
const Retention = 30 * time.Second

// LatelyWindow is how long a create may be under way before the pod is expected
// to be seen, for the purpose of suspecting that something is wrong.
const LatelyWindow = 2 * time.Second

// doubtAfter is how old a reservation of a pod that nobody has seen must be for a
// look at the API server before a pod spills because of it.
const doubtAfter = time.Second

// createTakes is longer than a create takes from its admission until a live list has the
// pod: an API server waits 10 s for an answer of ours, and then asks another replica,
// whose answer counts, and other webhooks, and stores the pod.
const createTakes = 15 * time.Second

// Ledger is what is known of the slots of a WorkloadSpread at one time. It is
// gathered once for a batch of pods. Nothing in it is modified.
type Ledger struct {
	// Spread comes with its status, which has the reservations and says which
	// subsets can schedule pods.
	Spread *v1alpha1.WorkloadSpread
	// Target is what the workload wants.
	Target Target
	// Virtual are the subsets that mean virtual nodes.
	Virtual map[string]bool
	// Cordoned are those that are passed over; see CordonedSubsets.
	Cordoned map[string]bool
	// Warnings tell of what is doubtful about Spread.
	Warnings []string
	// Pods are those of the workload that Spread selects.
	Pods []*corev1.Pod
	// SeenUpTo is the resource version up to which pods have been seen; see Revision.
	SeenUpTo uint64
	// Turnout is what is to be known of them, in place of Pods; nil: Pods are counted.
	Turnout *Turnout
	// Gone has the keys of pods that were seen to exist and to be gone since, and
	// up to when a reservation was for the pod that is gone: a name can be used
	// again.
	Gone map[string]time.Time
	// Lately is how many pods this process has decided for in the last
	// LatelyWindow, by version.
	Lately map[string]int
	// Wanted is how many pods their controller wants, by version; the number of a
	// version is not known if it is missing. A controller never creates a pod
	// when it has as many as it wants.
	Wanted map[string]int
	// Live says that Pods and Wanted were read from the API server rather than
	// from caches.
	Live bool
	// Frozen says that nothing can be recorded: subsets that need a reservation
	// are passed over, and the ledger is taken as it is.
	Frozen bool
	// Unread says that the API server could not be read, although a ledger from caches was
	// Stale: this one, from caches too, is taken as it is. It can have slots taken that are
	// free, but none free that is taken, as each of those has a pod or a reservation;
	// unless it is behind SeenUpTo, when it is Frozen.
	Unread bool
	Now    time.Time
}

// isFinal says that there will be no better ledger.
func (l Ledger) isFinal() bool { return l.Live || l.Frozen || l.Unread }

// reservation is a slot that is held for a pod.
type reservation struct {
	key    string
	subset int
	since  time.Time
}

// tally counts the slots of one version.
type tally struct {
	// taken is how many slots of each subset have a pod or are held for one.
	taken []int
	// active is how many active pods there are, in whatever subset.
	active int
	// young is how many of the pods, active or not, were created so lately that
	// they may be among those decided for lately.
	young int
	// unseen are the reservations of which no pod is known, the oldest first.
	unseen []reservation
}

// count makes the tally of a version. A slot is taken by an active pod, or by a
// reservation whose pod nobody has seen: the union of both by their key, so a
// cache that lags behind counts a slot twice over at no time, and misses none.
func (l Ledger) count(version string) *tally {
	t := &tally{taken: make([]int, len(l.Spread.Spec.Subsets))}
	isUnseen := func(key string) bool { return l.Turnout.Unseen[key] }
	if l.Turnout != nil {
		l.countTurnout(t, version)
	} else {
		seen := l.countPods(t, version)
		isUnseen = func(key string) bool { return !seen[key] }
	}
	t.unseen = l.reservations(version, isUnseen)
	for _, held := range t.unseen {
		t.taken[held.subset]++
	}
	return t
}

// countTurnout counts pods that were counted as they came and went.
func (l Ledger) countTurnout(t *tally, version string) {
	there := l.Turnout.Versions[version]
	t.active, t.young = there.Active, there.Young
	for name, n := range there.Taken {
		if i := indexOf(l.Spread, name); i >= 0 {
			t.taken[i] = n
		}
	}
}

// countPods counts pods one by one, and returns the keys of those of all versions.
func (l Ledger) countPods(t *tally, version string) (seen map[string]bool) {
	seen = make(map[string]bool, len(l.Pods))
	for _, pod := range l.Pods {
		match, matched := l.matchOf(pod)
		if matched {
			seen[match.Key(pod.Name)] = true
		}
		if VersionOf(l.Spread, pod) != version {
			continue
		}
		if pod.CreationTimestamp.After(youngSince(l.Now)) {
			t.young++
		}
		if !IsActive(pod) {
			continue
		}
		t.active++
		if i := indexOf(l.Spread, match.Subset); matched && i >= 0 {
			t.taken[i]++
		}
	}
	return seen
}

// matchOf returns the pod's annotation if it speaks of this WorkloadSpread.
func (l Ledger) matchOf(pod *corev1.Pod) (Match, bool) {
	match, ok := MatchOf(pod)
	return match, ok && match.Name == l.Spread.Name
}

// reservations returns those of a version that hold a slot still, and whose keys are
// among some, the oldest first. Those of a subset that was removed hold nothing.
func (l Ledger) reservations(version string, among func(key string) bool) []reservation {
	var all []reservation
	for _, status := range l.Spread.Status.VersionedSubsetStatuses[version] {
		i := indexOf(l.Spread, status.Name)
		if i < 0 {
			continue
		}
		for key, since := range status.CreatingPods {
			if among(key) && l.isHeld(key, since.Time) {
				all = append(all, reservation{key: key, subset: i, since: since.Time})
			}
		}
	}
	slices.SortFunc(all, func(a, b reservation) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.key, b.key)) })
	return all
}

// heldUnder finds the subset of the first reservation under a key, whether or not its
// pod has been seen.
func (l Ledger) heldUnder(key, version string) (subset int, held bool) {
	var first time.Time
	for _, status := range l.Spread.Status.VersionedSubsetStatuses[version] {
		since, reserved := status.CreatingPods[key]
		if !reserved || !l.isHeld(key, since.Time) || held && !since.Time.Before(first) {
			continue
		}
		if i := indexOf(l.Spread, status.Name); i >= 0 {
			subset, held, first = i, true, since.Time
		}
	}
	return subset, held
}

// everyKey is among all.
func everyKey(string) bool { return true }

// stillHeld copies the reservations that hold a slot still.
func (l Ledger) stillHeld(all map[string]metav1.Time) map[string]metav1.Time {
	held := make(map[string]metav1.Time, len(all))
	for key, since := range all {
		if l.isHeld(key, since.Time) {
			held[key] = since
		}
	}
	return held
}

// isHeld says whether a reservation made at that time holds a slot still.
func (l Ledger) isHeld(key string, since time.Time) bool {
	gone, isGone := l.Gone[key]
	return l.Now.Before(since.Add(Retention)) && (!isGone || since.After(gone))
}

// underWay estimates how many creates have not come to a pod that is seen: those
// of which there are reservations, and those that this process has decided for.
func (t *tally) underWay(lately int) int {
	return max(len(t.unseen), lately-t.young)
}

// isDoubtful says whether a slot of the subset is held for a pod that should
// have been seen by now.
func (l Ledger) isDoubtful(t *tally, subset int) bool {
	return slices.ContainsFunc(t.unseen, func(held reservation) bool {
		return held.subset == subset && l.Now.Sub(held.since) >= doubtAfter
	})
}

// reclaim gives slots back of creates that were refused after admission, or whose
// answer was lost: if all unseen reservations had a pod on its way, the workload would
// have more pods than its controller wants, with the pods that are being asked for.
// How many are on their way at most, that tells, but not which: each subset keeps
// slots for as many, so that none gets too many. It returns the reservations that
// certainly have no pod.
func (t *tally) reclaim(wanted, asked int, now time.Time) (dropped []reservation) {
	onTheirWay := max(0, wanted-t.active-asked)
	surplus := len(t.unseen) - onTheirWay
	n := 0
	for n < surplus && (onTheirWay == 0 || now.Sub(t.unseen[n].since) >= createTakes) {
		t.taken[t.unseen[n].subset]--
		n++
	}
	dropped, t.unseen = t.unseen[:n], t.unseen[n:]
	unseen := make([]int, len(t.taken))
	for _, held := range t.unseen {
		unseen[held.subset]++
	}
	for subset, held := range unseen {
		t.taken[subset] -= max(0, held-onTheirWay)
	}
	return dropped
}

// trying counts, over all versions, the pods by which a subset is being tried:
// those that no scheduler has found a node for yet, those that came since it may
// be tried again, until the controller has made up its mind about them, and the
// reservations of pods nobody has seen.
func (l Ledger) trying(subset int) int {
	name := l.Spread.Spec.Subsets[subset].Name
	var since time.Time
	if c := SchedulableOf(l.Spread, name); c != nil {
		since = c.LastTransitionTime.Time
	}
	seen := make(map[string]bool, len(l.Pods))
	n := 0
	for _, pod := range l.Pods {
		match, matched := l.matchOf(pod)
		if !matched {
			continue
		}
		seen[match.Key(pod.Name)] = true
		if match.Subset == name && IsActive(pod) && (isUnplaced(pod, l.Virtual[name]) || !pod.CreationTimestamp.Time.Before(since)) {
			n++
		}
	}
	for version := range maps.Keys(l.Spread.Status.VersionedSubsetStatuses) {
		unseen := l.reservations(version, func(key string) bool { return !seen[key] })
		for _, held := range unseen {
			if held.subset == subset {
				n++
			}
		}
	}
	return n
}

// isUnplaced says whether a pod waits for a node; on a virtual node it waits for
// one downstream.
func isUnplaced(pod *corev1.Pod, virtual bool) bool {
	if pod.Spec.NodeName == "" {
		return true
	}
	return virtual && pod.Annotations[api.DownstreamNodeAnnotation] == "" && pod.Status.Phase != corev1.PodRunning
}
