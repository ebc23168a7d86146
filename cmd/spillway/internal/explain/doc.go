// Package explain says why a pod is where it is, or why it is nowhere, and what to do
// about it. All judgements come from the functions that the webhook and the virtual
// node run: what those were asked when the pod was created, they are asked again, with
// what the clusters say now.
//
//	kinds.go      what can be explained
//	gather*.go    the clusters        ──▶ Facts        (reads only)
//	judge.go      Facts               ──▶ Explanation  (pure, from here on)
//	  world.go      what decisions depend on, made ready; next.go, the pod that comes next
//	  optin.go      is it handled? lookalike.go, what was probably meant
//	  spreading.go  which WorkloadSpread and subset, and why no earlier one
//	  stashed.go    what its author asked for, and what downstream gets
//	  sidecars.go   each SidecarSet, and why it is in the pod or not
//	  place.go      virtual node and downstream pod; waiting.go, what it waits for
//	  workload.go   many pods: by subset, by node, by what is wrong
//	write.go      Explanation         ──▶ text, JSON or YAML
//
// It works with little: what may not be read, or does not answer, is said to be not
// known, and all the rest is explained. It refuses to change anything, and to read
// what is in Secrets other than kubeconfigs.
package explain
