// Package nodes finds virtual nodes that do not work, or not for whom one thinks:
// not ready, without a leader, without the claim to their downstream cluster, tied to
// another cluster; and kubelet APIs that let strangers in.
//
//	judge.go    what follows from a Node, its Leases and its cluster   pure
//	gather.go   reads them
//	kubelet.go  what follows from how a kubelet API answers            pure
//	knock.go    asks as a stranger
//
// It refuses to use a virtual node's kubelet API for anything: it only asks for what
// nobody may have without credentials.
package nodes
