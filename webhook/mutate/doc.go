// Package mutate decides what one pod becomes when it is admitted upstream. It
// is the core of the webhook and of the offline commands: Admit is a function
// from a value, which holds everything the decision depends on, to a value.
//
// The steps, in the order in which they are taken:
//
//	check   is the pod to be handled? if not, a named reason says why
//	save    put its scheduling fields into the stash, once
//	place   require a virtual node, and tolerate its taint
//
// Admitting a pod that was admitted before changes nothing, also when other
// webhooks changed it in between: API servers call webhooks again after others
// have run (reinvocationPolicy IfNeeded), and users copy pods.
//
// The package refuses to talk to an API server, to log, and to read clocks: the
// shell gathers what it must know into an Input.
package mutate
