package invariants

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

// Invariant names what must hold; see the package documentation.
type Invariant string

// The invariants.
const (
	OneStart  Invariant = "OneStart"
	Kept      Invariant = "Kept"
	Lived     Invariant = "Lived"
	Untouched Invariant = "Untouched"
	Completed Invariant = "Completed"
	Identity  Invariant = "Identity"
	Agreement Invariant = "Agreement"
)

// Violation is something that must never happen and did.
type Violation struct {
	Invariant Invariant
	// Objects are those it is about, as "cluster namespace/name (UID)".
	Objects []string
	// What happened, in words.
	What string
	// At is when it was seen.
	At time.Time
}

func (v Violation) String() string {
	return fmt.Sprintf("%s %s %v: %s", v.At.Format("15:04:05.000"), v.Invariant, v.Objects, v.What)
}

// Scope says whose pods are compared.
type Scope struct {
	// Upstream is the upstream cluster's name, UpstreamID its id in the marks.
	Upstream, UpstreamID string
	// Nodes are the names of virtual nodes, and of the downstream cluster of each.
	Nodes map[string]string
	// Guarded are the namespaces, of every downstream cluster, in which no object
	// may change that is not ours.
	Guarded []string
}

// Ledger is what was observed so far, and what of that must not be. It has no
// lock: Witness has.
type Ledger struct {
	scope Scope

	above map[types.UID]*upstreamPod
	below map[types.UID]*downstreamPod
	// belowOf are all downstream pods there have ever been of an upstream pod.
	belowOf map[types.UID][]*downstreamPod
	// objects are the guarded ones, as they were at first.
	objects map[objectKey]object
	// indexes are those of Indexed Jobs.
	indexes map[indexKey]*index
	// running are the Running pods of StatefulSet identities, see identity.go.
	running map[identity]map[types.UID]string
	// takenAway and released are what the scenario takes away itself, see lived.go.
	takenAway map[types.UID]bool
	released  map[string]bool
	// outages are those of the upstream API server, see unanswered.go.
	outages []outage
	// disagreeing says since when upstream pods disagree with their downstream pods,
	// by the UID of the former.
	disagreeing map[types.UID]Disagreement

	doubts     []doubt
	violations []Violation
	told       map[string]bool
}

// upstreamPod is a pod that is, or was, bound to one of the virtual nodes.
type upstreamPod struct {
	*corev1.Pod
	gone bool
}

// downstreamPod is one that carries our marks.
type downstreamPod struct {
	*corev1.Pod
	cluster string
	above   types.UID
	gone    bool
	// leaving says that it was asked to go or went.
	leaving bool
	started bool
	// containers are what was seen of each, over all the pod's life.
	containers map[string]*container
}

// NewLedger returns an empty one.
func NewLedger(scope Scope) *Ledger {
	return &Ledger{
		scope: scope,
		above: map[types.UID]*upstreamPod{}, below: map[types.UID]*downstreamPod{}, belowOf: map[types.UID][]*downstreamPod{},
		objects: map[objectKey]object{}, indexes: map[indexKey]*index{},
		running:   map[identity]map[types.UID]string{},
		takenAway: map[types.UID]bool{}, released: map[string]bool{},
		disagreeing: map[types.UID]Disagreement{}, told: map[string]bool{},
	}
}

// Sees is told of a pod as it is now. Observations of one cluster come in the order
// in which things happened.
func (l *Ledger) Sees(cluster string, pod *corev1.Pod, at time.Time) {
	if cluster == l.scope.Upstream {
		l.seesAbove(pod, false, at)
		return
	}
	if l.ours(cluster, pod) {
		l.seesBelow(cluster, pod, false, at)
	}
}

// SeesGone is told of a pod that no longer exists, as it was at last.
func (l *Ledger) SeesGone(cluster string, pod *corev1.Pod, at time.Time) {
	if cluster == l.scope.Upstream {
		l.seesAbove(pod, true, at)
		return
	}
	if l.ours(cluster, pod) {
		l.seesBelow(cluster, pod, true, at)
	}
}

// Lists is told of all pods of a cluster. Those that are missing went while nobody
// watched.
func (l *Ledger) Lists(cluster string, pods []corev1.Pod, at time.Time) {
	there := make(map[types.UID]bool, len(pods))
	for i := range pods {
		there[pods[i].UID] = true
	}
	// What went comes first: its name may be another pod's by now.
	if cluster == l.scope.Upstream {
		for uid, up := range l.above {
			if !up.gone && !there[uid] {
				l.seesAbove(up.Pod, true, at)
			}
		}
	}
	for uid, down := range l.below {
		if down.cluster == cluster && !down.gone && !there[uid] {
			l.seesBelow(cluster, down.Pod, true, at)
		}
	}
	for i := range pods {
		l.Sees(cluster, &pods[i], at)
	}
}

// Violations are all so far, in the order in which they were found. Of one kind and
// about the same objects there is one.
func (l *Ledger) Violations() []Violation { return slices.Clone(l.violations) }

// Counts are how many upstream and downstream pods there have been.
func (l *Ledger) Counts() (upstream, downstream int) { return len(l.above), len(l.below) }

func (l *Ledger) seesAbove(pod *corev1.Pod, gone bool, at time.Time) {
	if _, bound := l.scope.Nodes[pod.Spec.NodeName]; !bound {
		return
	}
	up := l.above[pod.UID]
	if up == nil {
		up = &upstreamPod{}
		l.above[pod.UID] = up
	}
	up.Pod, up.gone = pod, gone
	l.judgeCompleted(pod.UID, at)
	l.judgeLived(up, at)
	l.judgeIdentity(l.scope.Upstream, pod, gone, at)
	if gone {
		up.Pod = remains(pod)
	}
}

func (l *Ledger) seesBelow(cluster string, pod *corev1.Pod, gone bool, at time.Time) {
	down := l.below[pod.UID]
	if down == nil {
		down = &downstreamPod{cluster: cluster, above: aboveOf(pod), containers: map[string]*container{}}
		l.below[pod.UID] = down
		l.belowOf[down.above] = append(l.belowOf[down.above], down)
	}
	down.Pod, down.gone = pod, gone
	down.started = down.started || started(pod)
	l.judgeStarts(down, at)
	l.judgeKept(down, at)
	l.judgeCompleted(down.above, at)
	l.judgeIdentity(cluster, pod, gone, at)
	if gone {
		down.Pod = remains(pod)
	}
}

// remains are what is still asked of a pod that is gone: there will be thousands.
func remains(pod *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Spec:       corev1.PodSpec{NodeName: pod.Spec.NodeName},
		Status:     corev1.PodStatus{Phase: pod.Status.Phase},
	}
}

// ours says whether a downstream pod carries all marks of a virtual node that is in
// scope.
func (l *Ledger) ours(cluster string, pod *corev1.Pod) bool {
	return l.marked(cluster, pod.Labels, pod.Annotations)
}

func (l *Ledger) marked(cluster string, labels, annotations map[string]string) bool {
	return labels[api.UpstreamLabel] == l.scope.UpstreamID &&
		l.scope.Nodes[labels[api.VirtualNodeLabel]] == cluster &&
		annotations[api.UpstreamUIDAnnotation] != ""
}

// aboveOf is the UID of a downstream pod's upstream pod.
func aboveOf(downstream *corev1.Pod) types.UID {
	return types.UID(downstream.Annotations[api.UpstreamUIDAnnotation])
}

// violate notes a violation; key tells it from others of its kind.
func (l *Ledger) violate(v Violation, key string) {
	key = string(v.Invariant) + " " + key
	if l.told[key] {
		return
	}
	l.told[key] = true
	l.violations = append(l.violations, v)
}

func describe(cluster string, pod *corev1.Pod) string {
	return fmt.Sprintf("%s %s/%s (%s)", cluster, pod.Namespace, pod.Name, pod.UID)
}

func (d *downstreamPod) String() string { return describe(d.cluster, d.Pod) }

// started says whether a kubelet has taken the pod up.
func started(pod *corev1.Pod) bool {
	return pod.Status.StartTime != nil || len(pod.Status.ContainerStatuses) > 0 ||
		len(pod.Status.InitContainerStatuses) > 0 || pod.Status.Phase == corev1.PodRunning
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// lives says whether nobody and nothing ends the pod. Once it does not, it never
// does again.
func lives(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && !finished(pod)
}
