package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
)

// Why the proxy ends a request itself.
var (
	errExpired = errors.New("the watch is expired")
	errCut     = errors.New("the request is cut")
	errReset   = errors.New("the connection is reset")
)

// injected is a fault that is not healed yet.
type injected struct {
	Fault
	// listed are the collections listed since it began.
	listed map[string]bool
}

// exchange is a request and its answer while they last.
type exchange struct {
	asked
	// request is as the process sent it, and must not be changed.
	request *http.Request
	verdict verdict
	// met are the faults that applied when it arrived.
	met []*injected
	end context.CancelCauseFunc
}

// state is what faults there are and which requests are under way.
type state struct {
	mu      sync.Mutex
	random  *rand.Rand
	faults  []*injected
	running map[*exchange]struct{}
	stopped bool
	// handling are the running exchanges; none is added after stop.
	handling sync.WaitGroup
}

func newState(seed uint64) *state {
	return &state{random: rand.New(rand.NewPCG(seed, 0)), running: map[*exchange]struct{}{}}
}

// begin judges a request and has it under way until finish; false: no more
// requests are taken.
func (s *state) begin(x *exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	for _, f := range s.faults {
		if f.matches(x.request) {
			x.met = append(x.met, f)
			x.verdict = x.verdict.and(judge(f.Fault, x.asked, f.listed[x.collection], s.random.Float64))
		}
	}
	s.running[x] = struct{}{}
	s.handling.Add(1)
	return true
}

func (s *state) finish(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, x)
	s.handling.Done()
}

// answered takes note of a list that was asked for and answered during faults.
func (s *state) answered(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.lists() {
		for _, f := range x.met {
			f.listed[x.collection] = true
		}
	}
}

// hung says that a request that may have arrived before the fault hangs now.
func (s *state) hung(x *exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.faults, func(f *injected) bool {
		return f.Silent && f.Only != nil && f.matches(x.request)
	})
}

// add begins a fault, and ends the watches that it expires.
func (s *state) add(f Fault) *injected {
	added := &injected{Fault: f, listed: map[string]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, added)
	for x := range s.running {
		if f.ExpireWatches && x.verb == "watch" && f.matches(x.request) {
			x.end(errExpired)
		}
	}
	return added
}

// remove ends a fault, and cuts the requests that hung in it.
func (s *state) remove(f *injected) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(other *injected) bool { return other == f })
	for x := range s.running {
		if f.Silent && f.Only != nil && f.matches(x.request) {
			x.end(errCut)
		}
	}
}

// stop takes no more requests and cuts those under way.
func (s *state) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for x := range s.running {
		x.end(errCut)
	}
}
