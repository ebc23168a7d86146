// Package pods makes the downstream cluster's pods equal to the upstream pods of
// one virtual node, and the upstream pods' status equal to what became of them.
//
// It is level-triggered. An event in either cluster only names a pod; what is to
// be done follows from the two pods of that name as they are now:
//
//	gather  both pods, from the caches                          (reconciler.go)
//	Plan    values to a value, the state table below            (plan.go)
//	confirm what Plan wants read from the API server; plan again
//	apply   write; retry for ever, with growing pauses          (apply.go)
//
// # State table
//
// "Ours" means that the downstream pod carries all ownership marks of this
// virtual node. The first row that fits holds.
//
//	row          upstream pod                 downstream pod             action
//	───────────  ───────────────────────────  ─────────────────────────  ──────────────────────────────
//	nothing      gone                         none, or not ours          none
//	orphan       gone (confirmed)             ours                       delete it
//	predecessor  of another UID (confirmed)   ours                       delete it; wait until it is gone
//	terminating  being deleted                ours                       delete it, at most as slowly; mirror
//	finish       being deleted                none (confirmed), foreign  [Failed]; delete upstream at once
//	ended        Succeeded or Failed          ours, still running        delete it (confirmed)
//	nothing      Succeeded or Failed          otherwise                  none
//	mirror       live                         ours                       follow changes, mirror status
//	lost         live, started (confirmed)    none (confirmed), foreign  Failed
//	conflict     live                         foreign                    Pending with the reason
//	refused      live, of a DaemonSet, or     none                       Pending with the reason
//	             static, or unreadable stash
//	unroutable   live, not meant for us       none                       Failed, as a kubelet does
//	create       live (confirmed)             none                       create it
//
// "Gone" includes a pod of that name on another node. "Confirmed" means read
// from the API server itself: a cache can be empty, partial or behind, and
// nothing is deleted or given up for that. A row that says "wait" is planned
// again by the next event. "[Failed]" is for pods that finalizers keep, so that
// the Job controller can count them.
//
// The package refuses to touch a downstream object that is not ours, to write
// upstream metadata other than its own annotation, and to read Secrets.
package pods
