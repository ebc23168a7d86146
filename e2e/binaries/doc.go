// Package binaries builds the programs a playground runs: etcd, the Kubernetes
// components and kwok from the pinned modules below e2e/components, Kubernetes'
// end-to-end suite likewise, and spillway itself from this checkout. There are two
// versions of Kubernetes, so that clusters may differ, in folders of their own.
//
// Nothing is downloaded but Go modules, and for real containers packages of the
// distribution, which are unpacked and not installed. The components are built once and kept
// in a folder of the checkout; a stamp beside each says what it was built from,
// and only a different stamp builds it again. spillway is built every time,
// because that is what is being worked on and go build is quick when nothing
// changed.
//
// Any number of processes may call it at once: one builds, the others wait.
// The package builds programs and starts none of them.
package binaries
