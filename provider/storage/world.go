package storage

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/pods"
)

// lookAgain is how long something waits for a change downstream that nothing may
// report: a foreign object that goes away, a node that is added, a quota.
const lookAgain = 30 * time.Second

// World is what is known about one upstream claim, by its namespace and name.
type World struct {
	// Key is the namespace and name.
	Key types.NamespacedName
	// Claim is the upstream claim; nil when there is none.
	Claim *corev1.PersistentVolumeClaim
	// Class is the upstream claim's class; nil when it has none, or none exists.
	Class *storagev1.StorageClass
	// Volumes are the upstream volumes that name the claim as theirs. They may name
	// an earlier one.
	Volumes []corev1.PersistentVolume
	// DownstreamClaim is the claim of that name downstream; nil when there is none.
	DownstreamClaim *corev1.PersistentVolumeClaim
	// DownstreamVolume is what has the name of the copy of the volume that Claim is
	// bound to; nil when there is none, or the claim is not wanted.
	DownstreamVolume *corev1.PersistentVolume
	// Live says that both claims and the downstream volume, or their absence, were
	// read from the API servers and not from caches.
	Live bool
	// Wanted says that a pod needs the claim now.
	Wanted bool
	// Nodes are all downstream nodes. They are known only if the claim is wanted.
	Nodes []corev1.Node
}

// Row is the row of the state table that an Action comes from.
type Row string

// The rows of the state table.
const (
	RowNothing     Row = "nothing"
	RowForget      Row = "forget"
	RowLeftover    Row = "leftover"
	RowImmediate   Row = "immediate"
	RowUnbound     Row = "unbound"
	RowUnsuitable  Row = "unsuitable"
	RowPredecessor Row = "predecessor"
	RowConflict    Row = "conflict"
	RowClaim       Row = "claim"
	RowProvision   Row = "provision"
	RowMissing     Row = "missing"
	RowDeleting    Row = "deleting"
	RowElsewhere   Row = "elsewhere"
	RowLost        Row = "lost"
	RowMirror      Row = "mirror"
	RowUnsupported Row = "unsupported"
	RowReleased    Row = "released"
	RowUnplaced    Row = "unplaced"
	RowVolume      Row = "volume"
	RowCarried     Row = "carried"
)

// Action is what to do; what is not set is not done.
type Action struct {
	Row Row
	// Confirm asks for what Live stands for, and a new plan. Nothing else is set
	// then.
	Confirm bool
	// CreateVolume and CreateClaim are downstream objects to create, one at a time,
	// before a new plan.
	CreateVolume *corev1.PersistentVolume
	CreateClaim  *corev1.PersistentVolumeClaim
	// Provision is the upstream volume to create.
	Provision *corev1.PersistentVolume
	// Expand is the size that the downstream claim is to ask for.
	Expand *resource.Quantity
	// Grow is what the upstream volume and claim get to know about the size.
	Grow *Growth
	// Forget is the upstream volume to delete. There is no data behind it.
	Forget *corev1.PersistentVolume
	// Obstacle is why a pod that needs the claim has to wait.
	Obstacle *pods.Obstacle
	// Event is about the upstream claim.
	Event *Event
}

// Growth is the real size of a downstream claim, for the upstream objects that
// say less.
type Growth struct {
	// Volume is the upstream volume to change, nil when it says as much.
	Volume *corev1.PersistentVolume
	// Claim says that the upstream claim's status is to change.
	Claim    bool
	Capacity resource.Quantity
}

// Event tells the owner of an upstream claim something.
type Event struct {
	// Type is corev1.EventTypeNormal or corev1.EventTypeWarning.
	Type, Reason, Note string
	// UID is the upstream claim's, which may be gone.
	UID types.UID
}
