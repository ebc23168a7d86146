// Package conformance pins what `make conformance` builds from Kubernetes: its
// end-to-end suite, the image that suite runs most of its pods from, and the
// command that runs the suite in several processes. It holds no code.
package conformance

import (
	// The suite is a test of this package: `go test -c k8s.io/kubernetes/test/e2e`.
	_ "k8s.io/kubernetes/test/e2e"
)
