// Package admission finds out what becomes of a pod that opts in when it is created:
// whether the API server asks Spillway, who else changes such pods, and whether
// OpenKruise does the same work.
//
//	pod.go      the pod that is tried, and what its answer shows     pure
//	refused.go  what it means that it was refused                    pure
//	try.go      the trial: a dry run, nothing is created
//	others.go   other webhooks on pods, in the order they are asked  pure
//	behind.go   whether somebody answers for them
//	kruise.go   what OpenKruise does beside Spillway
//
// It refuses to create anything.
package admission
