// Package webhook is the shell around the admission core: it serves the
// mutating webhook for pods, gathers what a decision depends on, and says what
// was decided.
//
//	handler.go   one request: decode, gather, mutate.Admit, patch
//	patch.go     what differs between two pods, as a JSON patch
//	observe.go   what was decided, as metrics, logs and audit annotations
//	register.go  the MutatingWebhookConfiguration that leads requests here
//	run.go       the process: caches, TLS server, readiness, drain
//
// The package decides nothing about pods; that is webhook/mutate. It refuses to
// serve without TLS 1.2, and to hold state between two admissions.
package webhook
