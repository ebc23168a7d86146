package chaos

import (
	"context"
	"net/http"
	"time"

	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

// fault is something that goes wrong, and is over at some time.
type fault struct {
	name  string
	harms harm
	// lasts is how long it is meant to last, 0: over in an instant.
	lasts time.Duration
	// extra faults are beyond what was asked for; a short run leaves them out.
	extra bool
	// strike has it begin. What it returns ends it, and returns as soon as nothing is
	// wrong any more, which is when the clock starts. A fault that is over in an
	// instant returns nil.
	strike func(context.Context, *Stage) (heal func(context.Context) error, err error)
}

// list are all faults. What those that stop servers cost schedulers, controllers and
// kwok is repaired by helpUp; what they cost Spillway is not.
func list() []fault {
	return []fault{
		{name: "kill -9 of the leader", harms: theNode, strike: killLeader},
		{name: "leader hand-over", harms: theNode, strike: handOver},
		{name: "kill -9 of all replicas", harms: theNode, extra: true, strike: killAll},

		{name: "downstream API stopped", harms: theDownstream, lasts: time.Minute, strike: stopAPI(downstream)},
		{name: "upstream API stopped", harms: theUpstream, lasts: time.Minute, strike: stopAPI(upstream)},
		{name: "downstream etcd restarted", harms: theDownstream, strike: restartEtcd(downstream)},
		{name: "upstream etcd restarted", harms: theUpstream, strike: restartEtcd(upstream)},
		{name: "downstream watch expired by compaction", harms: theDownstream, lasts: 3 * time.Second, strike: compact(downstream, below)},
		{name: "upstream watch expired by compaction", harms: theUpstream, lasts: 3 * time.Second, strike: compact(upstream, above)},

		{name: "5 s latency on every downstream call", harms: theRequests, lasts: 20 * time.Second, strike: inject(below, faults.Fault{Latency: 5 * time.Second})},
		{name: "503 for 20 % of all calls", harms: theRequests, lasts: 15 * time.Second, strike: both(
			inject(below, faults.Fault{Unavailable: 0.2}), inject(above, faults.Fault{Unavailable: 0.2}))},
		{name: "10 % of all calls reset, half of them when done", harms: theRequests, lasts: 15 * time.Second, strike: both(
			inject(below, faults.Fault{Reset: 0.1}), inject(above, faults.Fault{Reset: 0.1}))},
		{name: "downstream lists empty", harms: theRequests, lasts: 15 * time.Second, strike: inject(below, faults.Fault{EmptyLists: true, ExpireWatches: true})},

		{name: "upstream lists empty", harms: theRequests, lasts: 15 * time.Second, extra: true, strike: inject(above, faults.Fault{
			EmptyLists: true, ExpireWatches: true, Only: faults.Resources("pods"),
		})},
		{name: "lists of both sides lack a third", harms: theRequests, lasts: 15 * time.Second, extra: true, strike: both(
			inject(below, faults.Fault{TruncatedLists: 0.3, ExpireWatches: true, Only: faults.Resources("pods")}),
			inject(above, faults.Fault{TruncatedLists: 0.3, ExpireWatches: true, Only: faults.Resources("pods")}))},
		{name: "downstream silent", harms: theRequests, lasts: 20 * time.Second, extra: true, strike: inject(below, faults.Fault{Silent: true})},
		{name: "upstream silent", harms: theRequests, lasts: 20 * time.Second, extra: true, strike: inject(above, faults.Fault{Silent: true})},
		{name: "downstream refuses the credentials", harms: theRequests, lasts: 15 * time.Second, extra: true, strike: inject(below, faults.Fault{Unauthorized: true})},
		{name: "downstream forbids writes", harms: theRequests, lasts: 15 * time.Second, extra: true, strike: inject(below, faults.Fault{
			Forbidden: true, Only: func(r *http.Request) bool { return r.Method != http.MethodGet },
		})},
	}
}

// shortly is how long it lasts in a short run: outages as long as ever.
func (f fault) shortly() time.Duration {
	if f.lasts >= time.Minute {
		return f.lasts
	}
	return min(f.lasts, 10*time.Second)
}

// upstream, downstream, above and below choose what a fault is done to.
func upstream(s *Stage) *playground.Cluster   { return s.upstream }
func downstream(s *Stage) *playground.Cluster { return s.downstream }
func above(s *Stage) *faults.Proxy            { return s.above }
func below(s *Stage) *faults.Proxy            { return s.below }
