// Package claim has at most one process write in the name of a virtual node.
//
// The marks on downstream objects say which upstream cluster and which virtual
// node they belong to. A clone of that cluster carries the same marks, and so does
// a second process that is not part of the leader election. Whoever writes must
// therefore hold a claim, a Lease in the downstream cluster:
//
//	judge.go   what follows from what was seen of the Lease    pure
//	lease.go   what the Lease says                             pure
//	keeper.go  looks at the Lease, takes, renews, releases it
//	gate.go    has writes wait while it is not held
//
// A process that finds the claim held by another, alive, ends with an error. One
// that cannot read or renew the claim waits, and so do its writes; if that lasts,
// the Node says why.
//
// It refuses to compare clocks: a claim has run out when this process has seen no
// change of it for as long as it is good for. It refuses to touch a Lease without
// this virtual node's marks, and to decide which of two is the right one: the
// one that holds the claim is.
package claim
