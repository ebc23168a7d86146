// Package serve is the webhook's HTTPS server: controller-runtime's, but for the
// bounds that it does not set. Whoever reaches the port can cost it only so much,
// and cannot keep API servers from being answered:
//
//	handshake, headers, body   a deadline each; what is late is cut off
//	body                       as large as an API server's can be, and no larger
//	bodies of a connection     a few at a time; a sender of many waits
//	large bodies               a few at a time of all, since decoded they are much larger
//	connections                so many; one that asks for nothing makes room for a new one
//
// A request that is refused here gets a plain HTTP status, as it has not been read
// and so has no UID to answer to.
//
// The package refuses to know what is served, with which certificate, and to tell
// clients apart: API servers need not show a certificate to a webhook.
package serve
