// Package references has the ConfigMaps, Secrets and upstream tokens that pods
// refer to exist in the downstream cluster, before the pods do and for as long as
// they run.
//
//	Wanted, Mentioned   which copies a pod uses                       (uses.go)       pure
//	Plan                what to do about one copy, the table there    (plan.go)       pure
//	PlanToken           the same for a pod's tokens                   (tokenplan.go)  pure
//	Sweep               which copies no pod uses any more             (sweep.go)      pure
//	keeper              reads what Plan needs, and does what it says  (keeper.go)
//	watches             one watch for each upstream object in use     (watch.go)
//	collector           deletes what Sweep names, once it is certain  (collect.go)
//
// A copy is worked on when a pod is about to be created (Prepare), and when the
// upstream object, the copy, or the pods that use it change (Reconcile). Both do the
// same from what is there at that moment; nothing is counted or remembered that a
// restart would lose.
//
// The package refuses to read an object that no pod refers to, to touch a downstream
// object that is not ours, to delete a copy for what a cache says, and to let a
// Secret's value out of the object itself: what a failed request says of a Secret is
// reduced to its reason and its fields.
package references
