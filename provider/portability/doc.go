// Package portability says what of a pod will not be downstream what it is upstream,
// before the pod is created: from the pod as package translate makes it, and what
// there is in the downstream cluster.
//
//	Inventory    what a downstream cluster has that pods depend on; `spillway inventory` prints it
//	Judge        upstream pod, downstream pod, Inventory ──▶ Warnings
//	JudgeClaims  upstream pod, upstream storage, Inventory ──▶ Warnings about its volumes
//	OfNotes      what translation left out ──▶ Warnings
//
// It warns of what does not work, and of what works on another machine than the
// author may think. It refuses to guess: what an Inventory does not tell, because
// somebody may not read it or because there is none, is not warned of; and nothing
// that changes by the hour counts, such as a node that is down or full.
//
// An Inventory holds names, labels, taints and sizes. It refuses to hold the content of
// anything: no Secret, no ConfigMap, no annotation.
package portability
