// Package workloadspread is the controller of WorkloadSpreads: the part of
// spreading that is not in the way of an admission. For each WorkloadSpread, in
// one pass,
//
//	gather  its target, the target's pods, their nodes           (gather.go)
//	adopt   pods that are older than it                          (adopt.go)
//	report  its status: replicas, conditions                     (status.go)
//	price   deletion costs, so that scale-in takes virtual pods  (cost.go)
//	move    pods out of subsets that cannot schedule them        (move.go)
//	return  pods to earlier subsets that have room again         (return.go)
//
// What is to be done is decided by the values of package spread; this one reads,
// writes, and knows the time. A pass follows every event that matters and every
// moment at which a time runs out; nothing polls.
//
// One replica does this, the leader. It shares the status with the webhook of
// every replica, which keeps reservations there: both write with the version
// they read, and who comes second starts again.
//
// What it keeps in memory only makes it gentler: how often a subset was closed
// in vain, since when one has had room, what it did a moment ago. After a restart everything follows from the
// objects.
//
// The package refuses to touch pods that did not opt in, that the target does
// not control, or that changed since it looked; to delete a pod before the closed
// subset is known to all; to spend a Job's backoffLimit; and to let a pod that
// runs return to an earlier subset against a disruption budget.
package workloadspread
