// Package translate turns an upstream pod into the downstream pod that runs it,
// and the downstream pod's status into the upstream pod's.
//
//	Pod         upstream pod                 ──▶ downstream pod to create
//	References  upstream pod                 ──▶ objects that it needs
//	Tokens      upstream pod                 ──▶ upstream tokens that it gets
//	Follow      upstream and downstream pod  ──▶ what changed upstream since
//	Status      upstream and downstream pod  ──▶ status of the upstream pod
//	Lost        upstream pod                 ──▶ its status when the downstream pod is gone
//
// A downstream pod is the upstream pod less everything that only has a meaning
// where it was written: identity and bookkeeping of the API object, what
// upstream admission and scheduling decided, and credentials of the upstream
// API server, unless the pod is to have them. Verdicts lists every field with what
// is done to it, and why; a test fails for a field that nobody decided about.
// Decisions 0007 and 0014 give the reasons.
//
// The package holds functions from values to values only and never modifies its
// arguments. It refuses to read clocks, to talk to an API server, and to resolve
// references: environment variables and volumes keep naming Secrets and
// ConfigMaps, whose values it never sees.
package translate
