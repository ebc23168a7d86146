// Package mutate decides what one pod becomes when it is admitted upstream. It
// is the core of the webhook and of the offline commands: Admit is a function
// from a value, which holds everything the decision depends on, to a value.
//
// The steps, in the order in which they are taken:
//
//	check   is the pod to be handled? if not, a named reason says why
//	save    put its scheduling fields into the stash, once, if it is sent to a
//	        virtual node; where they can be judged, they stay or come back
//	place   write in what sends it there: the subset that was chosen for it,
//	        the virtual nodes' requirement and the toleration of their taint
//	stay    have it stay on a virtual node that is lost, if that was asked for
//	inject  add the containers of the SidecarSets that select the pod as it is now
//
// Choosing a subset, between check and save, is not a step here: it counts other
// pods, and the shell puts its result into the Input. A subset that cannot be
// placed is the WorkloadSpread's fault, never the pod's: the pod is admitted
// without it. So it is with a SidecarSet that does not fit into the pod.
//
// Admitting a pod that was admitted before changes nothing, also when other
// webhooks changed it in between: API servers call webhooks again after others
// have run (reinvocationPolicy IfNeeded), and users copy pods.
//
// The package refuses to talk to an API server, to log, and to read clocks: the
// shell gathers what it must know into an Input.
package mutate
