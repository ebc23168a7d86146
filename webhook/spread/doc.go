// Package spread distributes the pods of one workload over the ordered subsets
// of an OpenKruise WorkloadSpread: own machines first, the rest to a virtual
// node. It is a core package, values in and values out, and is told in the order
// in which a pod meets it:
//
//	target.go    does a WorkloadSpread target the pod? what its workload wants
//	subset.go    the subsets, ready for counting: caps, conditions
//	count.go     how many slots of each subset are taken
//	roll.go      the same for pods that are counted as they come and go
//	choose.go    Choose: which subset each pod of a batch gets, and what is to be recorded
//	walk.go      one pod's walk over the subsets
//	ordinal.go   the same for workloads whose pods are numbered
//	virtual.go   which subsets mean virtual nodes
//	cordon.go    which of them are passed over, since their nodes are cordoned
//	place.go     Place: the subset written into the pod, by term.go and patch.go
//	merge.go     strategic merge of a patch, made to be repeatable: directive.go
//	scope.go     what of a pod a patch is about: nothing else is merged
//	record.go    the status with the reservations of a batch
//	seen.go      up to where pods have been seen, so that reservations could be given up
//	workload.go  what a workload's object says about it
//
// and, for the controller,
//
//	report.go    the status, from the pods there are
//	condition.go which subsets can schedule pods: a state table
//	cost.go      which pods a scale-in takes first
//	reschedule.go  which pods leave a subset that has no room for them
//	return.go    which pod returns to an earlier subset that has room again
//	adopt.go     the subset of pods that are older than the WorkloadSpread
//	validate.go  what a WorkloadSpread must not say; default.go what it need not
//
// The one durable record of a choice is the annotation
// apps.kruise.io/matched-workloadspread on the pod. A slot that was given to a
// pod nobody has seen yet is held by a reservation in the WorkloadSpread's
// status (creatingPods, Kruise's own field for it); docs/decisions/0004 says how
// the two are counted as one.
//
// The package refuses to deny a pod: a WorkloadSpread that cannot be honoured is
// an error for its owner to read, and the pod is admitted without it.
package spread
