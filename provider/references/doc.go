// Package references has the ConfigMaps, Secrets and upstream tokens that pods
// refer to exist in the downstream cluster, before the pods do and for as long as
// they run.
//
//	Wanted, Mentioned   which copies a pod uses                       (uses.go)       pure
//	Plan                what to do about one copy, the table there    (plan.go)       pure
//	PlanToken           the same for a pod's tokens                   (tokenplan.go)  pure
//	Sweep               which copies no pod uses any more             (sweep.go)      pure
//	keeper              reads what Plan needs, and does what it says  (keeper.go)
//	usesOf      what an upstream pod and its downstream pod use       (pairs.go)      pure
//	tallies     how many pods use each copy                           (tallies.go)
//	watches             one watch for each upstream object in use     (watch.go)
//	collector           deletes what Sweep names, once it is certain  (collect.go)
//
// A copy is worked on when a pod is about to be created (Prepare), and when the
// upstream object or the copy changes, a pod is the first to run with it, or nobody uses
// or needs it any more (Reconcile). Both do the same from what is there at that moment.
// Pods are counted only to save work: nothing is remembered that a restart would lose, and
// a count alone takes nothing away.
//
// The package refuses to read an object that no pod refers to, to touch a downstream
// object that is not ours, to delete a copy for what a cache says, and to let a
// Secret's value out of the object itself: what a failed request says of a Secret is
// reduced to its reason and its fields.
package references
