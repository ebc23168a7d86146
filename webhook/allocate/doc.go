// Package allocate gives every pod that a WorkloadSpread targets its subset, and
// keeps the count exact while several webhook replicas do so at once. It is part
// of the webhook's shell: it gathers, has webhook/spread decide, and records.
//
//	allocator.go  Decide: one pod, from admission to its decision
//	line.go       pods of one WorkloadSpread wait in line and are taken in batches
//	commit.go     a batch: gather, choose, record by one compare-and-swap, or try again
//	patch.go      what of a status has changed, as a patch
//	gone.go       pods that were seen and are gone, whose reservations hold nothing
//	start.go      what the allocator takes note of all the time
//	lately.go     for how many pods we decided a moment ago, to notice that something is wrong
//	virtual.go    which subsets mean virtual nodes or are cordoned, remembered until nodes change
//	metrics.go    what was decided, and what that cost
//
// A decision that depends on no other pod is made at once and writes nothing. All
// others of a WorkloadSpread are made in batches: the next one forms while the
// write of the one before is under way, so a burst costs few writes. See
// docs/decisions/0004.
//
// The package never denies a pod: where it cannot decide, the decision says why,
// and the pod is admitted without the WorkloadSpread.
package allocate
