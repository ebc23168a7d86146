// Package scripts tells stories as scripts: what somebody types at a terminal, and
// what is said to them. Each file of testdata/script is one, written for testscript
// (github.com/rogpeppe/go-internal/testscript), against real control planes that all
// of them share: package stage's.
//
// A script finds in its environment
//
//	KUBECONFIG  of the upstream cluster, as its administrator
//	DOWNSTREAM  the kubeconfig of the downstream cluster, as its administrator
//	NS          a namespace of its own upstream, which did not opt in
//
// and on its PATH spillway, kubectl and kubectl's plugin spillway. Its own commands,
// beside testscript's:
//
//	subst FILE...                     replaces $NS and other variables in files
//	exits CODE COMMAND ARGS...        the command ends with this code
//	until COMMAND ARGS... -- REGEXP   runs the command again and again until its output
//	                                  matches, a minute long at most
//	first N                           keeps only the first N lines of what was printed last
//
// Scripts run at the same time: names of what is no part of a namespace carry $NS, and
// SidecarSets select by a label with it. `go test ./scripts -update` rewrites what
// scripts compare with (cmp stdout ...).
package scripts
