package faults

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// Kind is what requests are counted by.
type Kind struct {
	// Verb is get, list, watch, create, update, patch, delete or deletecollection;
	// for paths that are no resource, the HTTP method in lower case.
	Verb string
	// Resource is the plural name, "pods"; for paths that are no resource, the path.
	// Subresource is "status", "binding" and so on, or empty.
	Resource, Subresource string
}

// IsWrite tells whether such a request changes something.
func (k Kind) IsWrite() bool {
	switch k.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}

// Count says how many requests of one kind there were since the proxy started.
type Count struct {
	Kind
	// Received came from the process, repetitions counted. PassedOn of them went on
	// to the API server; each of those was sent there once, and carried out unless
	// the API server refused it or was not there.
	Received, PassedOn int
}

// Writes sums how many of the counted requests were writes passed on to the API
// server.
func Writes(counts []Count) int {
	sum := 0
	for _, c := range counts {
		if c.IsWrite() {
			sum += c.PassedOn
		}
	}
	return sum
}

// tally counts; the zero value has counted nothing.
type tally struct {
	mu     sync.Mutex
	counts map[Kind]Count
}

func (t *tally) add(k Kind, received, passedOn int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[Kind]Count{}
	}
	c := t.counts[k]
	t.counts[k] = Count{Kind: k, Received: c.Received + received, PassedOn: c.PassedOn + passedOn}
}

func (t *tally) list() []Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.counts), func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Subresource, b.Subresource), cmp.Compare(a.Verb, b.Verb))
	})
}
