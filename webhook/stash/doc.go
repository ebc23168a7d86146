// Package stash keeps what a pod's author wrote about where the pod may run,
// and gives it back unchanged on the other side.
//
// A virtual node has none of the labels, zones and neighbours that a pod's
// constraints speak about, so the upstream scheduler would never place the pod
// there. The webhook therefore saves the four scheduling fields in an
// annotation and trims the upstream pod; the virtual node recovers them for the
// downstream pod, whose scheduler can judge them:
//
//	webhook:  pod ── Save ──▶ annotation clusterSelector  = the four fields, whole
//	                          annotation spillway.io/stash = v1:sha256:<of that value>
//	                          spec                         = routing requirements only
//	provider: pod ── Recover ──▶ the four fields of the downstream pod
//
// Three rules make this exact:
//
//   - The stash is written once and holds each field whole. Recover replaces the
//     fields wholesale, so nothing that was added upstream leaks downstream.
//   - The marker's hash says that the stash is our own and untouched. A stash
//     without a marker was supplied by a person or by a policy; downstream gets
//     it verbatim.
//   - A stash that cannot be read is an error, never an empty stash.
//
// # Routing keys
//
// A few node labels (RoutingKeys) tell virtual nodes apart, and requirements on
// them must stay upstream. A required node affinity is a disjunction of terms;
// split each term into its requirements on routing keys (kept) and the others
// (rest), t = kept AND rest. Then
//
//	upstream requires   OR kept(t)                         nothing, if some kept(t) is empty
//	downstream requires OR rest(t), kept(t) matches node   nothing, if some such rest(t) is empty
//
// which together select exactly what OR t selects over the pairs of a virtual
// node and a node below it. A term without any requirement selects no node, as
// in Kubernetes, and takes no part.
//
// A requirement that names the very virtual node that recovers, by
// kubernetes.io/hostname or metadata.name, is met there, and left out below: no
// node below has that name.
//
// The package holds functions from values to values only. It refuses to talk to
// an API server, to read clocks, and to know which pods are opted in.
package stash
