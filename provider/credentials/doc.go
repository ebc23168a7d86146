// Package credentials keeps the clients of a cluster working when the kubeconfig
// they were made from changes.
//
//	file ── read every 10 s, or when refused ──▶ generation ──▶ transport ──▶ requests
//	                                                  └──────▶ Now        ──▶ streams
//
// A generation is one content of the file. The rest.Config that clients are made
// from stays the same for as long as the process lives; its transport sends each
// request with the newest generation, and ends the watches of older ones.
//
// Files that a kubeconfig names, for tokens and certificates, and exec plugins
// are looked after by client-go.
//
// The package refuses content that cannot be used, and the address of another
// cluster: what was there before goes on being used, the log says why once, and
// a metric for as long as it lasts. It refuses to judge credentials: the API
// server does.
package credentials
