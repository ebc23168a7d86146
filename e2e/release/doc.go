// Package release makes what users get besides the chart, without an engine,
// without a registry and without the network: images of the static program as
// archives, and what is in it as an SBOM. An archive is an OCI image layout in a
// tar, with Docker's list of what is in it besides, so that containerd and Docker
// both take it.
//
// The same programs give the same bytes: nothing is dated but by the commit that
// the programs were built from, nothing depends on who builds or where, and all
// that is said about them they say themselves (debug/buildinfo), but for the
// version, which only who builds them knows.
//
// An image holds the program, its SBOM and two files that name its user: no shell,
// no libraries, so dynamic programs are refused, and no certificates of well-known
// authorities, because API servers are verified by those in kubeconfigs. The package
// builds no programs, pushes nothing and signs nothing.
package release
