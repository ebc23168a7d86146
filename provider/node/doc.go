// Package node keeps the Node object that stands for one downstream cluster.
//
//	prober    asks the downstream API server whether it is ready  ──┐
//	caches    say what the downstream nodes could still hold      ──┼─▶ State ─▶ Build ─▶ virtual-kubelet's
//	Node      a deletion or a lost taint upstream                 ──┘                     NodeController
//
// virtual-kubelet's NodeController registers the object, renews its lease and
// writes its status. Ready is the truth about the downstream API, with
// hysteresis; the lease only says that this process lives, so an outage
// downstream shows as NotReady with a cause, and not as a node that vanished.
//
// The package refuses to run pods, and to write spec fields other than its own
// taint: cordons and taints of others stay.
package node
