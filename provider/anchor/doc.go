// Package anchor keeps a virtual node at its downstream cluster.
//
// What is not there is gone, unless one looks in the wrong place: in another
// cluster none of the virtual node's pods exist, and all of them would be given up
// as lost. The Node therefore remembers the cluster's id, the UID of its namespace
// kube-system, and nothing is concluded or written before that was compared:
//
//	judge.go   which pods are tied to a cluster; the refusal    pure
//	keeper.go  asks the cluster which it is, and the Node which it was
//	reader.go  has nothing believed that another cluster may have said
//
// A process that finds another cluster ends with an error. One that cannot ask
// waits, and so does whatever depends on the answer.
//
// It refuses to decide that a cluster was replaced while pods depend on it: a
// person says so, by removing the Node's annotation.
package anchor
