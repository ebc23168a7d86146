// Package capacity says what a virtual node can offer: what the downstream
// cluster's usable nodes could hold for us if none of our own pods were there,
// the largest pod that one of them has room for, and what all of them have in
// common.
//
//	nodes, pods, Policy ──▶ Survey   ──▶ Offer
//	pod, nodes, Policy  ──▶ TooLarge ──▶ a sentence for the pod's owner
//
// In the sum our own pods are left out because the upstream scheduler subtracts
// them itself, by the requests of the upstream pods. In the largest pod they
// count: nobody upstream knows on which downstream node they are.
//
// The package holds functions from values to values only. It refuses to keep a
// running total: the answer is computed afresh from everything that is known,
// so a missed event cannot make it drift.
package capacity
