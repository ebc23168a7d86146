// Package stories tells, as tests against real control planes, what users see.
// Each story is a handful of sentences; the words for them are in steps_test.go,
// and main_test.go sets the stage that most of them share:
//
//	upstream ── virtual node east ──▶ downstream      the stage of all stories
//	    └────── virtual node west ──▶ downstream      killed and started again
//	    └────── virtual node south ─▶ remote          whose API server goes away
//	    └────── virtual node center ▶ site            whose nodes come and go
//	downstream ─ virtual node loop ─▶ downstream      a second upstream cluster
//	second ── virtual nodes red, blue ▶ downstream    and so has upstream, of the same names
//
//	lossy ─ virtual nodes cut, dead, refuge ─▶ beyond   with clocks that run fast
//
//	replicated ◀── balancer ◀── one, two and three webhooks, of which one is killed
//
// Upstream has machines of its own, the pool "own", and those that stories about
// pods without room add to it. A story that harms a process has one of its own.
//
// Clusters that overflow are one version of Kubernetes and those that take what flows
// over are one, the same unless the environment says otherwise (binaries.Roles):
// `make skew`.
//
// Stories of package containers are told here too, by the same names and without
// root, as far as kwok can play the downstream kubelet: see simulated_test.go.
package stories
