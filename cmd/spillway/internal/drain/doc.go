// Package drain brings the pods of a virtual node away, one at a time: back to own
// machines, or to where else their policies send them. It is told in this order:
//
//	world.go    what is known of the node's pods at one time
//	plan.go     Plan: what becomes of each pod, by the functions that the webhook runs
//	stays.go    why pods stay, by themselves
//	landing.go  what became of the pod that came instead of one that was evicted
//	gather.go   reads a World, from watches
//	run.go      cordon, plan, and step after step
//	step.go     evict one pod, and wait for the one that comes instead
//	report.go   what is told of it, for people and for machines
//
// Nothing is remembered but in the cluster: the node is cordoned, and a drain that
// was interrupted goes on when it is run again.
//
// The package refuses to delete a pod, which would heed no disruption budget; to evict
// one that nobody replaces, or of which the replacement would have nowhere to go; and
// to evict another before the one that came instead is ready.
package drain
