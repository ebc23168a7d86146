// Package offline holds `spillway inject` against the webhook: for every golden case
// of package mutate and every example of the documentation, the pod that a real API
// server stores after it has asked a live webhook must be the pod that the command
// prints for the same input.
//
// Two upstream clusters: one with the webhook, and one without, through which what
// the command prints is sent, so that both pods have the API server's defaults and
// what its own plugins add. The webhook would hide differences, since admitting an
// admitted pod changes nothing. Nobody runs a pod here, and nobody schedules one.
//
//	cases_test.go    what the input of a case is
//	world_test.go    how it comes into the live cluster, and when the webhook knows it
//	compare_test.go  what may differ: identities, times, random ends of names, and
//	                 the tolerations that an API server adds before it asks
package offline
