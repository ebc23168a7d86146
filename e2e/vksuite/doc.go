// Package vksuite runs the test suite that virtual-kubelet has for its providers
// against a virtual node: a real upstream cluster, a downstream cluster whose nodes
// kwok plays, and the process `spillway node` between them.
//
// Two of the suite's tests ask for what pods use through the proxy of a pod that
// has the virtual node's name, and that path carries no credentials: the suite
// expects a kubelet API that is open to everybody. The virtual node's is not, so
// such a pod is made here, at whose address the test shows a certificate for
// whoever comes (door.go).
//
// API servers pass nothing on to loopback addresses, so all of it runs on a machine
// of its own (package machine), which needs root. Without it the suite is left out,
// and the package says so on stderr and in .cache/left-out, which `make e2e` prints
// at its end.
package vksuite
