// Package pods makes the downstream cluster's pods equal to the upstream pods of
// one virtual node, and the upstream pods' status equal to what became of them.
//
// It is level-triggered. An event in either cluster only names a pod; what is to
// be done follows from the two pods of that name as they are now:
//
//	gather  both pods, from the caches                          (reconciler.go)
//	Plan    values to a value, the state table below            (plan.go)
//	confirm what Plan wants read from the API server; plan again
//	prepare what a new pod refers to; plan again                (prepare.go)
//	apply   write; retry for ever, with growing pauses          (apply.go)
//
// Names are upstream ones. A namespace may have another name downstream, see
// translate.Namespaces; downstream pods in a namespace that stands for none are
// not looked at.
//
// # State table
//
// "Ours" means that the downstream pod carries all ownership marks of this
// virtual node. The first row that fits holds.
//
//	row          upstream pod                 downstream pod             action
//	───────────  ───────────────────────────  ─────────────────────────  ──────────────────────────────
//	nothing      gone                         none, or not ours          none
//	orphan       gone (confirmed)             ours                       tell package orphans
//	predecessor  of another UID (confirmed)   ours                       delete it; wait until it is gone
//	terminating  being deleted                ours                       delete it, at most as slowly; mirror
//	finish       being deleted                none (confirmed), foreign  [Failed]; delete upstream at once
//	ended        Succeeded or Failed          ours, still running        delete it (confirmed)
//	mirror       Succeeded or Failed          ours, ended alike          mirror status
//	nothing      Succeeded or Failed          otherwise                  none
//	stranded     live, may move (confirmed)   ours, its end overdue      delete upstream, as slowly as
//	                                          (confirmed)                it likes; wait
//	mirror       live                         ours                       follow changes, mirror status
//	lost         live, started (confirmed)    none (confirmed), foreign  Failed
//	conflict     live                         foreign                    Pending with the reason
//	refused      live, of a DaemonSet, or     none                       Pending with the reason
//	             static, unreadable stash,
//	             API access not allowed
//	unroutable   live, not meant for us       none                       Failed, as a kubelet does
//	blocked      live (confirmed), lacking    none                       Pending with the reasons
//	             what it refers to (prepared)
//	create       live (confirmed, prepared)   none                       create it
//
// "Gone" includes a pod of that name on another node. "Confirmed" means read
// from the API server itself: a cache can be empty, partial or behind, and
// nothing is deleted or given up for that. An upstream pod may also go when the end
// of its downstream pod was announced, after we had that deleted: testimony.go. A row that says "wait" is planned
// again by the next event, or soon if none may come. "Prepared" means that all Preparers were asked: what a
// pod refers to exists downstream, or it is known why not. "[Failed]" is for
// pods that finalizers keep, so that the Job controller can count them. "Overdue"
// is the end of a pod that somebody downstream deleted and no kubelet ends: its
// node is dead. "May move" leaves out pods that stay on a lost node, see stays.
//
// A change that the downstream cluster refuses, such as a resize, is told of and
// given up until the next one; what is merely forbidden is tried again every
// minute. A downstream pod that no downstream node could hold
// says so in the upstream pod's status while it waits. What only tells how the
// preparation of a pod gets on waits for its start (preparing.go), and that its
// deletion was observed for its end (ending.go).
//
// The package refuses to touch a downstream object that is not ours, to write
// upstream metadata other than its own annotation, and to read Secrets.
package pods
