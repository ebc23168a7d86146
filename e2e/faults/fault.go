package faults

import (
	"net/http"
	"slices"
	"time"
)

// Fault is what goes wrong between a process and its API server. Several fields
// may be set, and several faults may be injected at a time; doc.go says what each
// stands for and which one wins. The zero Fault does nothing.
type Fault struct {
	// Latency is how long each request waits before anything else happens to it,
	// of a watch only its beginning. Those of several faults add up.
	Latency time.Duration
	// Unavailable is the share, 0 to 1, of requests that are answered 503 with
	// a Status and Retry-After of a second, and not passed on.
	Unavailable float64
	// Reset is the share, 0 to 1, of requests whose connection is reset: half of
	// them before the API server got the request, half after it was carried out,
	// so that only the answer is lost. HTTP/2 carries many requests over a
	// connection: all of them break with it, running watches too.
	Reset float64
	// Silent: connections stay and new ones are taken, but nothing is answered and
	// running watches deliver nothing more. When it is healed, whatever hung is cut.
	// With Only nil nothing at all comes through the connections, not even the answer
	// to an HTTP/2 ping, what hangs is every connection, and requests sent meanwhile
	// are never carried out. With Only set the connections are sound and just the
	// requests that match hang.
	Silent bool
	// Refused: nobody listens. Existing connections are reset and new ones refused;
	// when it is healed, the same port is listened on again. Connections are of
	// all requests, so Only is not asked.
	Refused bool
	// EmptyLists: lists, streaming ones too, answer 200 with no items. All lists:
	// set Only to Resources("pods") for those of pods. A client that is watching does
	// not list; add ExpireWatches to have it list again. Nor does healing make it:
	// it goes on from the answer it had, and does not know what was left out before
	// it lists the next time, at an ExpireWatches injected after the healing.
	EmptyLists bool
	// TruncatedLists is the share, 0 to 1, of a list's items that are missing at
	// its end, rounded up to whole items; neither a continue token nor a count says
	// so. Lists come whole then, whatever limit was asked for. Streaming lists miss
	// the same share of their initial events.
	TruncatedLists float64
	// ExpireWatches: running watches get one ERROR event, 410 Gone with the reason
	// Expired, and end. Until it is healed, so does each watch that begins at a
	// resource version, unless the same path with the same selectors was listed
	// since the fault began. A streaming list is a list, and never expired.
	ExpireWatches bool
	// Unauthorized answers every request 401, Forbidden 403. Running watches go
	// on, as those of an API server do.
	Unauthorized, Forbidden bool
	// Only says to which requests the fault applies; nil is every request. It is
	// asked about requests as the process sent them, maybe more than once and by
	// several goroutines, and must not read their bodies.
	Only func(*http.Request) bool
}

// matches asks Only.
func (f Fault) matches(r *http.Request) bool {
	return f.Only == nil || f.Only(r)
}

// Resources is an Only for all requests about the given resources and their
// subresources, "pods" or "configmaps", in whatever API group.
func Resources(names ...string) func(*http.Request) bool {
	return func(r *http.Request) bool { return slices.Contains(names, readRequest(r).resource) }
}

// Verbs is an Only for all requests with one of the given verbs: get, list,
// watch, create, update, patch, delete, deletecollection.
func Verbs(verbs ...string) func(*http.Request) bool {
	return func(r *http.Request) bool { return slices.Contains(verbs, readRequest(r).verb) }
}

// Both is an Only for requests that match a and b.
func Both(a, b func(*http.Request) bool) func(*http.Request) bool {
	return func(r *http.Request) bool { return a(r) && b(r) }
}
