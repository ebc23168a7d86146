// Package workload reads what the spreading of pods depends on: WorkloadSpreads,
// the workloads they target, and the pods of those. It is part of the webhook's
// shell; it decides nothing and writes nothing.
//
//	cache.go    what is held in caches, and how little of it
//	owners.go   from a pod to the WorkloadSpread that targets it
//	targets.go  WorkloadSpreads by what they target
//	target.go   from a WorkloadSpread to what its workload wants
//	pods.go     from a WorkloadSpread to the pods of its workload
//	rolls.go    how many pods there are, counted as they come and go
//	progress.go up to which resource version they have been seen
//	wanted.go   how many pods the controllers of pods want: wishes.go remembers
//	slim.go     the parts of objects that are kept
//
// Deployments, ReplicaSets, StatefulSets and Jobs are read from caches, every
// other kind of workload from the API server when it is needed: nobody has to
// allow Spillway to watch a kind that it does not know.
package workload
