// Package services reflects Services and their EndpointSlices of chosen upstream
// namespaces into the downstream cluster, so that downstream pods find upstream
// services by name. The addresses are the upstream ones: this is for clusters
// whose pods reach each other, and for nobody else.
//
// It is level-triggered. An event in either cluster names an upstream Service;
// what is to be done follows from how things are now:
//
//	gather  the namespace, the Service, its slices and our copies, from caches
//	Plan    values to a value, the state table below                (plan.go)
//	confirm what Plan wants read from the API server; plan again    (confirm.go)
//	apply   write; retry for ever, with growing pauses              (apply.go)
//
// # Which namespaces
//
// See Choose. A namespace whose owner asks for it is reflected always, since pods
// in other namespaces may look for its Services. Those that are reflected by
// default have copies from the first pod on that the virtual node has there, so
// that no names are made downstream that nobody looks for; copies stay when the
// last pod leaves, since the next would look before they are back. The cluster's
// own namespaces are never reflected, nor is the Service kubernetes: downstream
// has its own.
//
// # State table
//
// A Service is "wanted" when its namespace is reflected, as said above, and it is
// not being deleted.
// "Ours" means that the downstream object carries all ownership marks of this
// virtual node. The first row that fits holds.
//
//	row       upstream Service            downstream Service       action
//	────────  ──────────────────────────  ───────────────────────  ─────────────────────────────────
//	nothing   gone, or not wanted         none, or not ours        none
//	withdraw  gone, or not wanted         ours                     delete it and our slices (confirmed)
//	shared    wanted                      another virtual node's   leave it to that one; our slices go
//	                                      of the same upstream
//	conflict  wanted                      foreign                  our slices go; event; try again later
//	leaving   wanted                      ours, being deleted      wait until it is gone
//	replace   wanted, of another kind     ours                     delete it; create it anew
//	create    wanted                      none                     create it, then slices
//	keep      wanted                      ours                     patch what differs, slices too
//
// "Confirmed" means read from the upstream API server itself, each object by its
// name: a cache can be empty, partial or behind, and nothing is deleted for that.
// A slice goes only when it is confirmed gone or when its Service goes. Every
// delete names a UID, every patch a resource version.
//
// # What a copy has
//
// See copyOf and sliceCopyOf. A copy has no selector: with one, downstream's own
// controllers would write slices beside ours. What opens ports to the outside or
// orders load balancers is never copied, nor are labels and annotations, which
// would have monitoring or DNS controllers downstream act on the copy.
//
// The package refuses to touch a downstream object that is not ours, and to write
// anything upstream but events.
package services
