// Package stream opens what kubectl asks a kubelet for about one pod, logs, exec,
// attach and port-forward, in the downstream cluster, and lists the pods that
// there are.
//
//	kubectl ──▶ upstream API server ──▶ Handler ──▶ downstream API server ──▶ kubelet
//	                                      │
//	                                      ├─ find      upstream pod, then its own downstream pod, or 404 or 409
//	                                      ├─ logs      a response that is copied
//	                                      └─ exec, attach, port-forward: virtual-kubelet speaks with the client,
//	                                         client-go with the downstream API server
//
// A stream ends when either side does, and each goroutine has ended when the
// handler that needed it returns.
//
// The package refuses pods that are not bound to this virtual node, containers
// that the upstream pod does not name, and downstream pods without our ownership
// marks and the upstream pod's UID: whoever asks has rights upstream, and the
// downstream cluster would only see ours. It authenticates nobody: package auth
// does.
package stream
