// Package auth lets through to a virtual node's kubelet API whom a kubelet would
// let through to its own.
//
//	who    a client certificate of the client CA, or a bearer token: TokenReview    else 401
//	what   nodes/{proxy,log,stats,metrics} of the virtual node: SubjectAccessReview  else 403
//
// Both reviews are made by the upstream API server; its answers are remembered
// for as long as a kubelet does by default.
//
// The package refuses to be turned off. It knows no anonymous user, and what
// cannot be asked is not allowed.
package auth
