package pods

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// plan is an Action in the words of the state table.
type plan struct {
	Row            Row
	Confirm        Side
	Prepare        bool
	Create, Change bool
	Delete         types.UID
	Grace          int64 // -1: the downstream pod's own
	Phase          corev1.PodPhase
	Reason         string
	Message        string // of the rows that wait for several things
	Notes          []string
	Annotation     string
	Warning        string
	DeleteUpstream bool // at once
	AskUpstream    bool // with its own grace period
	Orphan         bool
	Again          time.Duration
}

func summary(a Action) plan {
	p := plan{
		Row: a.Row, Confirm: a.Confirm, Prepare: a.Prepare, Create: a.Create != nil, Change: a.Change != nil,
		Annotation: a.DownstreamNode, Again: a.Again, Orphan: a.Orphan,
	}
	if a.DeleteUpstream != nil {
		p.DeleteUpstream = a.DeleteUpstream.GraceSeconds != nil && *a.DeleteUpstream.GraceSeconds == 0
		p.AskUpstream = !p.DeleteUpstream
	}
	if a.Delete != nil {
		p.Delete, p.Grace = a.Delete.UID, -1
		if a.Delete.GraceSeconds != nil {
			p.Grace = *a.Delete.GraceSeconds
		}
	}
	if a.Status != nil {
		p.Phase, p.Reason = a.Status.Phase, a.Status.Reason
	}
	if a.Status != nil && a.Row == RowBlocked {
		p.Message = a.Status.Message
	}
	for _, note := range a.Notes {
		p.Notes = append(p.Notes, note.Reason)
	}
	if a.Warning != nil {
		p.Warning = a.Warning.Reason
	}
	return p
}

func testNode() Node {
	return Node{
		Rules: translate.Rules{Identity: translate.Identity{
			UpstreamID: "cluster",
			Node:       stash.VirtualNode{Name: "east", Labels: map[string]string{"clusterID": "east"}, RoutingKeys: stash.DefaultRoutingKeys()},
		}},
		InternalIP:    "192.0.2.10",
		StrandedAfter: time.Minute,
	}
}

type option func(*corev1.Pod)

// upstream is a pod that was bound to the virtual node a moment ago.
func upstream(options ...option) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "up", Generation: 1},
		Spec:       corev1.PodSpec{NodeName: "east", Containers: []corev1.Container{{Name: "c", Image: "c:1"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	for _, o := range options {
		o(p)
	}
	return p
}

// twin is the downstream pod that stands for upstream().
func twin(options ...option) *corev1.Pod {
	p, _, err := translate.Pod(upstream(), testNode().Rules, translate.Facts{})
	if err != nil {
		panic(err)
	}
	p.UID = "down"
	p.Status.Phase = corev1.PodPending
	for _, o := range options {
		o(p)
	}
	return p
}

func foreign() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "foreign"}}
}

// told is the upstream pod after the plan for the world was applied.
func told(w World) *corev1.Pod {
	p := w.Upstream.DeepCopy()
	p.Status = *Plan(w, testNode()).Status
	return p
}

func on(node string) option { return func(p *corev1.Pod) { p.Spec.NodeName = node } }

func uid(u types.UID) option { return func(p *corev1.Pod) { p.UID = u } }

func phase(to corev1.PodPhase) option { return func(p *corev1.Pod) { p.Status.Phase = to } }

func bound(p *corev1.Pod) { p.Spec.NodeName = "n1" }

func held(p *corev1.Pod) { p.Finalizers = []string{"batch.kubernetes.io/job-tracking"} }

func started(p *corev1.Pod) {
	p.Status.StartTime = new(metav1.Unix(1000, 0))
	p.Status.ObservedGeneration = 1
}

func deleting(grace int64) option {
	return func(p *corev1.Pod) {
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = new(metav1.Unix(2000, 0)), &grace
	}
}

func annotated(key, value string) option {
	return func(p *corev1.Pod) { p.Annotations = map[string]string{key: value} }
}

func ofClass(name string) option { return func(p *corev1.Pod) { p.Spec.PriorityClassName = name } }

func ownedBy(kind string) option {
	return func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: "owner", Controller: new(true)}}
	}
}
