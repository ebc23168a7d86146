// Package certs decides about the certificates by which API servers know the
// webhook: which ones to make (Plan), which ones to serve (Judge, Adopt), what the
// caBundle of webhook configurations is to be, and what is wrong with a certificate
// that is served (Diagnose).
//
// The content of the Secret, all PEM but one:
//
//	ca.crt            every CA that API servers must trust: what goes into caBundle
//	ca.key            the key of that one of them that signs
//	tls.crt, tls.key  the serving certificate and its key
//	next-ca.crt       the CA that signs next, if there is one; it is in ca.crt too
//	next-ca.key       its key
//	next-ca.seen      since when every configuration holds it (RFC 3339); empty: not yet
//	tls-previous.crt  of each CA that signed before, the serving certificate that lasts longest
//
// A CA is replaced in steps, of which each is seen everywhere before the next:
//
//	next-ca is made, and enters ca.crt
//	      | every webhook configuration holds ca.crt, for as long as the overlap
//	next-ca becomes the CA that signs, and signs a new tls.crt at once
//	      | the last certificate that the former CA signed has expired
//	the former CA leaves ca.crt
//
// So whichever caBundle an API server knows of, and whichever certificate a replica
// still serves, the one vouches for the other.
//
// The package refuses to read clocks, files and clusters: time and randomness are
// arguments. It never returns a key in an error or a reason.
package certs
