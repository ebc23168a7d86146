// Package node keeps the Node object that stands for one downstream cluster.
//
//	prober    asks the downstream API server whether it is ready,
//	          which cluster it is, and whether we may write there ──┐
//	caches    say what downstream nodes offer and have in common  ──┼─▶ State ─▶ Build ─▶ virtual-kubelet's
//	Node      a deletion or a lost taint upstream                 ──┘                     NodeController
//
// virtual-kubelet's NodeController renews the lease and writes labels, annotations
// and status. Ready is the truth about the downstream API, and about whether we may
// write there, with hysteresis; the lease only says that this process lives, so an outage
// downstream shows as NotReady with a cause, and not as a node that vanished. A
// cluster that answers but has no usable node is Ready, with nothing allocatable
// and a reason: what runs there goes on.
//
// What is offered is computed within a second of a change, by provider/capacity.
// Labels that follow from it give way to configured ones, and never are routing
// keys; those that were true and are not any more go.
//
// The package refuses to run pods, and to write spec fields other than its own
// taint: cordons and taints of others stay.
package node
