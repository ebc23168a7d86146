package spread

import (
	"maps"
	"slices"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// FakeSubset is where pods are filed that belong to no subset of the
// WorkloadSpread: theirs was removed, or they never got one. The word is
// Kruise's; it appears in no status.
const FakeSubset = "kruise.io/workloadspread-fake-subset-name"

// unlimited is the MissingReplicas of a subset without maxReplicas.
const unlimited = -1

// View is what the controller knows of a WorkloadSpread at one time. It is
// gathered once, and every judgement is made on it. Nothing in it is modified.
type View struct {
	Spread *v1alpha1.WorkloadSpread
	// Target is the zero value if the target does not exist.
	Target Target
	// Pods are the opted-in pods of the target that Spread selects, finished and
	// terminating ones included.
	Pods []*corev1.Pod
	// Nodes are those that the pods are bound to, by name, as far as known.
	Nodes map[string]*corev1.Node
	// Cordoned are the subsets that are passed over; see CordonedSubsets.
	Cordoned map[string]bool
	// Closings is how often each subset was closed without having recovered
	// since, as far as remembered.
	Closings map[string]int
	// Ungated is when the scheduling gates of pods were seen to be gone. The
	// PodScheduled condition does not tell: to the API server it is False all the
	// time.
	Ungated map[types.UID]time.Time
	// Backoff is how long closed subsets stay closed.
	Backoff Backoff
	Now     time.Time
}

// Report is the status a WorkloadSpread should have.
type Report struct {
	Status v1alpha1.WorkloadSpreadStatus
	// News says that it differs from the status there is by more than can wait.
	News bool
	// Changes are the subsets that were opened or closed.
	Changes []Change
	// Wake is when the status is to be computed again although nothing happened
	// until then; zero if there is no such time.
	Wake time.Time
}

// Report computes the status from the pods there are and the reservations that
// have not expired; of the status there was it keeps nothing else but conditions.
// So one that was wiped comes back, but for the reservations.
func (v View) Report() Report {
	r := Report{Status: v1alpha1.WorkloadSpreadStatus{
		ObservedGeneration: v.Spread.Generation,
		// The field is required by the CRD, and null is not a map.
		VersionedSubsetStatuses: map[string][]v1alpha1.WorkloadSpreadSubsetStatus{},
	}}
	subsets := v.Spread.Spec.Subsets
	active, unseen := make([]int, len(subsets)), make([]int, len(subsets))
	for version := range v.versions() {
		statuses, held, expiry := v.versionStatuses(version)
		if len(statuses) == 0 {
			continue
		}
		r.Status.VersionedSubsetStatuses[version] = statuses
		for i := range statuses {
			active[i] += int(statuses[i].Replicas)
			unseen[i] += held[i]
		}
		r.Wake = sooner(r.Wake, expiry)
	}
	for i := range subsets {
		r.Status.SubsetStatuses = append(r.Status.SubsetStatuses, v.subsetStatus(i, active[i], unseen[i]))
	}
	v.judge(&r)
	r.News = !apiequality.Semantic.DeepEqual(v.unexpired(), r.Status)
	return r
}

// unexpired is the status there is without the reservations that have expired, of each
// subset that has others. They hold nothing, and go with the last of them at the latest:
// after a burst of thousands each pass would write all others once more.
func (v View) unexpired() v1alpha1.WorkloadSpreadStatus {
	l, status := v.ledger(), v.Spread.Status
	status.VersionedSubsetStatuses = maps.Clone(status.VersionedSubsetStatuses)
	for version, subsets := range status.VersionedSubsetStatuses {
		subsets = slices.Clone(subsets)
		for i := range subsets {
			if held := l.stillHeld(subsets[i].CreatingPods); len(held) > 0 {
				subsets[i].CreatingPods = held
			}
		}
		status.VersionedSubsetStatuses[version] = subsets
	}
	return status
}

// versionStatuses are the statuses of all subsets for one version, none if it
// has neither pods nor reservations; how many reservations of each nobody has
// seen a pod for; and when a reservation expires that makes a difference: the first of
// which no pod is known, or the last.
func (v View) versionStatuses(version string) (statuses []v1alpha1.WorkloadSpreadSubsetStatus, unseen []int, expiry time.Time) {
	t := v.ledger().count(version)
	reserved := v.ledger().reservations(version, everyKey)
	if len(reserved) == 0 && !slices.ContainsFunc(t.taken, func(n int) bool { return n > 0 }) {
		return nil, nil, time.Time{}
	}
	unseen = make([]int, len(t.taken))
	for _, held := range t.unseen {
		unseen[held.subset]++
	}
	for i := range t.taken {
		statuses = append(statuses, v.subsetStatus(i, t.taken[i]-unseen[i], unseen[i]))
	}
	for _, held := range reserved {
		reserve(&statuses[held.subset], held)
	}
	if len(t.unseen) > 0 {
		expiry = t.unseen[0].since.Add(Retention)
	}
	if len(reserved) > 0 {
		expiry = sooner(expiry, reserved[len(reserved)-1].since.Add(Retention))
	}
	return statuses, unseen, expiry
}

// reserve carries a reservation over, whether or not its pod has been seen:
// other replicas of the webhook may not have seen it yet.
func reserve(status *v1alpha1.WorkloadSpreadSubsetStatus, held reservation) {
	if status.CreatingPods == nil {
		status.CreatingPods = map[string]metav1.Time{}
	}
	status.CreatingPods[held.key] = metav1.NewTime(held.since)
}

// ledger is what the webhook counts by.
func (v View) ledger() Ledger {
	return Ledger{Spread: v.Spread, Target: v.Target, Cordoned: v.Cordoned, Pods: v.Pods, Now: v.Now}
}

// subsetStatus is the status of the i-th subset with so many active pods and
// unseen reservations. A percentage of a base nobody knows misses none.
func (v View) subsetStatus(i, active, unseen int) v1alpha1.WorkloadSpreadSubsetStatus {
	status := v1alpha1.WorkloadSpreadSubsetStatus{
		Name: v.Spread.Spec.Subsets[i].Name, Replicas: int32(active), MissingReplicas: unlimited,
	}
	if most, limited, err := Cap(&v.Spread.Spec.Subsets[i], v.Target.Replicas); limited || err != nil {
		status.MissingReplicas = int32(max(0, most-active-unseen))
	}
	return status
}

// subsetOf returns the subset that a pod is filed under.
func (v View) subsetOf(pod *corev1.Pod) string {
	match, ok := MatchOf(pod)
	if !ok || match.Name != v.Spread.Name || indexOf(v.Spread, match.Subset) < 0 {
		return FakeSubset
	}
	return match.Subset
}

// activeByVersion files the active pods by version and subset.
func (v View) activeByVersion() map[string]map[string][]*corev1.Pod {
	filed := map[string]map[string][]*corev1.Pod{}
	for _, pod := range v.Pods {
		if !IsActive(pod) {
			continue
		}
		version, subset := VersionOf(v.Spread, pod), v.subsetOf(pod)
		if filed[version] == nil {
			filed[version] = map[string][]*corev1.Pod{}
		}
		filed[version][subset] = append(filed[version][subset], pod)
	}
	return filed
}

// activeBySubset files the active pods by subset alone.
func (v View) activeBySubset() map[string][]*corev1.Pod {
	filed := map[string][]*corev1.Pod{}
	for _, pod := range v.Pods {
		if IsActive(pod) {
			subset := v.subsetOf(pod)
			filed[subset] = append(filed[subset], pod)
		}
	}
	return filed
}

// versions are those of which there are pods or reservations.
func (v View) versions() map[string]bool {
	all := map[string]bool{}
	for _, pod := range v.Pods {
		all[VersionOf(v.Spread, pod)] = true
	}
	for version := range v.Spread.Status.VersionedSubsetStatuses {
		all[version] = true
	}
	return all
}

// sooner returns the earlier of two times, of which zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
