package claim

import (
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// descriptionAnnotation is Kubernetes' own, for people.
const descriptionAnnotation = "kubernetes.io/description"

// Claimant is who claims.
type Claimant struct {
	// Identity has the marks.
	Identity translate.Identity
	// Holder names this process: the same after a restart in place, and never
	// shared by two that are alive.
	Holder string
	// UpstreamServer is the API server that it has for upstream. It is what tells
	// a clone from its original.
	UpstreamServer string
	// Namespace is the Lease's.
	Namespace string
}

// LeaseName is the name of the virtual node's Lease.
func (c Claimant) LeaseName() string {
	return c.Identity.Node.Name + "." + c.Identity.UpstreamID
}

// Read returns what a Lease of that name says about the claim; nil is a Lease that
// does not exist.
func (c Claimant) Read(lease *coordinationv1.Lease) Record { return c.record(lease) }

// record reads a Lease; nil is one that does not exist.
func (c Claimant) record(lease *coordinationv1.Lease) Record {
	if lease == nil {
		return Record{}
	}
	record := Record{Foreign: !c.Identity.Owns(lease), Silence: silence}
	if lease.Spec.HolderIdentity != nil {
		record.Holder = *lease.Spec.HolderIdentity
	}
	if lease.Spec.RenewTime != nil {
		record.Renewed = lease.Spec.RenewTime.Time
	}
	if seconds := lease.Spec.LeaseDurationSeconds; seconds != nil {
		record.Silence = min(max(silence, time.Duration(*seconds)*time.Second), longestSilence)
	}
	return record
}

// held is the Lease as it has to be while this process holds it.
func (c Claimant) held(lease *coordinationv1.Lease, now time.Time) *coordinationv1.Lease {
	next := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.LeaseName()}}
	if lease != nil {
		next = lease.DeepCopy()
	}
	if c.record(lease).Holder != c.Holder {
		next.Spec.AcquireTime = &metav1.MicroTime{Time: now}
		next.Spec.LeaseTransitions = new(transitions(lease) + 1)
	}
	// The upstream object that it stands for is the cluster.
	c.Identity.Mark(&next.ObjectMeta, types.UID(c.Identity.UpstreamID))
	next.Annotations[api.UpstreamServerAnnotation] = c.UpstreamServer
	next.Annotations[descriptionAnnotation] = fmt.Sprintf("Held by the process that writes in this cluster for virtual node %s of upstream cluster %s.",
		c.Identity.Node.Name, c.Identity.UpstreamID)
	next.Spec.HolderIdentity = &c.Holder
	next.Spec.LeaseDurationSeconds = new(int32(silence / time.Second))
	next.Spec.RenewTime = &metav1.MicroTime{Time: now}
	return next
}

// released is the Lease without a holder.
func released(lease *coordinationv1.Lease) *coordinationv1.Lease {
	next := lease.DeepCopy()
	next.Spec.HolderIdentity = nil
	return next
}

func transitions(lease *coordinationv1.Lease) int32 {
	if lease == nil || lease.Spec.LeaseTransitions == nil {
		return -1
	}
	return *lease.Spec.LeaseTransitions
}

// RefusedError says that another process holds the claim and is alive.
type RefusedError struct {
	// Namespace and Lease are the claim's.
	Namespace, Lease string
	// Node and UpstreamID are in whose name both would write.
	Node, UpstreamID string
	// Holder is the other process, and Server what it has for upstream.
	Holder, Server string
}

// Error says what to do, too.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("another process writes downstream for virtual node %q of upstream cluster %s: Lease %s/%s of the downstream cluster is held by %q, "+
		"whose upstream API server is %s, and is being renewed. If that is another cluster, one of the two was cloned or restored from a backup of the other, "+
		"and this one would take the other's pods for its own: give this virtual node another --name. If it is the same cluster, stop one of the two "+
		"processes, or have them elect a leader with the same --leader-elect-namespace",
		e.Node, e.UpstreamID, e.Namespace, e.Lease, e.Holder, e.Server)
}

func (c Claimant) refused(lease *coordinationv1.Lease) *RefusedError {
	return &RefusedError{
		Namespace: c.Namespace, Lease: c.LeaseName(),
		Node: c.Identity.Node.Name, UpstreamID: c.Identity.UpstreamID,
		Holder: c.record(lease).Holder, Server: lease.Annotations[api.UpstreamServerAnnotation],
	}
}
