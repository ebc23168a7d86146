package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

const (
	sequences = 500
	events    = 20
)

// TestNodeFollowsTheCluster throws sequences of events, and after each compares
// what the Node says with what is true: a second later of what is free, of the
// labels and the conditions, and, when it is quiet for as long as the Node may
// not be written for it, of the largest pod too. SPILLWAY_LAW_SEED repeats a run.
func TestNodeFollowsTheCluster(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SPILLWAY_LAW_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for n := range uint64(sequences) {
		synctest.Test(t, func(t *testing.T) {
			d := dice{rand.New(rand.NewPCG(seed, n))}
			r := d.rules()
			c := &cluster{dice: d, downstream: newDownstream(), machines: map[string]machine{}, programs: map[string]program{}}
			node := c.follow(t, r)
			var history []string
			for range events {
				history = append(history, c.event())
				<-time.After(settle + time.Millisecond) // of the bubble's clock
				synctest.Wait()
				want, got := truth(c.machines, c.programs, r), said(t, node.Load())
				if d.IntN(2) == 0 {
					<-time.After(largestInterval + settle)
					synctest.Wait()
					got = said(t, node.Load())
				} else {
					got.Largest = want.Largest
				}
				if diff := cmp.Diff(want, got); diff != "" || t.Failed() {
					t.Fatalf("SPILLWAY_LAW_SEED=%d, sequence %d, after %q: -want +got:\n%s", seed, n, history, diff)
				}
			}
		})
	}
}

// cluster is a downstream cluster, as it is and as the cache has it.
type cluster struct {
	dice

	downstream *downstream
	machines   map[string]machine
	programs   map[string]program
}

// follow runs what the product runs between the downstream cache and
// virtual-kubelet, until the test is over. The Node is the last one handed over.
func (c *cluster) follow(t *testing.T, r rules) *atomic.Pointer[corev1.Node] {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	watch, err := watchOffers(ctx, c.downstream, isOwn, r.policy())
	if err != nil {
		t.Fatal(err)
	}
	var node atomic.Pointer[corev1.Node]
	keeper := newKeeper(r.spec(), func() {})
	keeper.begin(State{Ready: Readiness{OK: true}})
	keeper.NotifyNodeStatus(ctx, func(written *corev1.Node) { node.Store(written) })
	offers := make(chan capacity.Offer)
	var parts sync.WaitGroup
	parts.Go(func() { watch.run(ctx, offers) })
	parts.Go(func() { keeper.run(ctx, nil, nil, offers) })
	t.Cleanup(func() {
		stop()
		parts.Wait()
	})
	return &node
}

type dice struct{ *rand.Rand }

func oneOf[T any](d dice, values ...T) T { return values[d.IntN(len(values))] }

func (d dice) rules() rules {
	r := rules{reserve: amounts{}, limit: amounts{}, home: oneOf(d, "", "", "home"), archRoutes: d.IntN(4) == 0}
	for _, part := range []amounts{r.reserve, r.limit} {
		for name, milli := range d.amounts(6000) {
			if d.IntN(3) == 0 {
				part[name] = milli
			}
		}
	}
	return r
}

// amounts are up to so many thousandths of a CPU, and about as much of others.
func (d dice) amounts(most int64) amounts {
	a := amounts{"cpu": d.Int64N(most), "memory": d.Int64N(most<<20) * 1000}
	if d.IntN(3) == 0 {
		a["example.com/gpu"] = d.Int64N(4) * 1000
	}
	return a
}

// event lets something happen and says what.
func (c *cluster) event() string {
	if c.IntN(2) == 0 {
		return c.nodeEvent(fmt.Sprint("n", c.IntN(4)))
	}
	return c.podEvent(fmt.Sprint("p", c.IntN(8)))
}

func (c *cluster) nodeEvent(name string) string {
	m, exists := c.machines[name]
	if !exists {
		m = machine{
			name: name, arch: oneOf(c.dice, "amd64", "arm64"), zone: oneOf(c.dice, "a", "a", "b", ""), has: c.amounts(8000),
			ready: oneOf(c.dice, corev1.ConditionFalse, corev1.ConditionFalse, corev1.ConditionTrue),
		}
		m.has["pods"] = c.Int64N(5) * 1000
		return c.putNode(m, "joins")
	}
	switch c.IntN(9) {
	case 0:
		m.ready = oneOf(c.dice, corev1.ConditionFalse, corev1.ConditionUnknown)
		return c.putNode(m, "is not ready")
	case 1, 2:
		m.ready = corev1.ConditionTrue
		return c.putNode(m, "is ready")
	case 3:
		m.cordoned = !m.cordoned
		return c.putNode(m, "is cordoned, or no more")
	case 4:
		m.taints = map[string]corev1.TaintEffect{}
		for _, key := range []string{"strange", "tolerated"} {
			if c.IntN(2) == 0 {
				m.taints[key] = oneOf(c.dice, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule)
			}
		}
		return c.putNode(m, "is tainted")
	case 5:
		m.arch, m.zone = oneOf(c.dice, "amd64", "arm64"), oneOf(c.dice, "a", "b", "")
		return c.putNode(m, "is relabelled")
	case 6:
		pods := m.has["pods"]
		m.has = c.amounts(8000)
		m.has["pods"] = pods
		return c.putNode(m, "is resized")
	case 7:
		m.leaving, m.beats = c.IntN(3) == 0, m.beats+1
		return c.putNode(m, "leaves, or only says that it lives")
	default: // its pods stay for now
		delete(c.machines, name)
		c.downstream.nodes.remove(name, c.IntN(4) == 0)
		return name + " is deleted"
	}
}

func (c *cluster) putNode(m machine, what string) string {
	c.machines[m.name] = m
	c.downstream.nodes.put(m.object())
	return m.name + " " + what
}

func (c *cluster) podEvent(name string) string {
	p, exists := c.programs[name]
	if !exists {
		p = program{name: name, own: c.IntN(3) == 0, phase: corev1.PodPending, asks: c.amounts(4000)}
		if c.IntN(4) == 0 { // as a DaemonSet's pod, or one whose node is gone already
			p.node = fmt.Sprint("n", c.IntN(5))
		}
		return c.putPod(p, "comes")
	}
	switch kind := c.IntN(8); {
	case p.node == "":
		p.node = fmt.Sprint("n", c.IntN(4))
		return c.putPod(p, "is bound")
	case kind == 0:
		p.phase = oneOf(c.dice, corev1.PodSucceeded, corev1.PodFailed)
		return c.putPod(p, "finishes")
	case kind == 1 && !over(p):
		p.granted, p.asks, p.infeasible = p.asks, c.amounts(4000), c.IntN(4) == 0
		return c.putPod(p, "is resized")
	case kind == 2 && p.granted != nil:
		p.granted, p.infeasible = p.asks, false
		return c.putPod(p, "has been resized")
	case kind == 3:
		p.leaving = true
		return c.putPod(p, "is being deleted")
	case kind == 4:
		p.own = !p.own
		return c.putPod(p, "gains or loses our marks")
	case kind == 5:
		p.beats++
		return c.putPod(p, "reports its status")
	case !over(p) && p.phase != corev1.PodRunning:
		p.phase = corev1.PodRunning
		return c.putPod(p, "runs")
	default:
		delete(c.programs, name)
		c.downstream.pods.remove(name, c.IntN(4) == 0)
		return name + " is gone, by force or not"
	}
}

func (c *cluster) putPod(p program, what string) string {
	c.programs[p.name] = p
	c.downstream.pods.put(p.object())
	return p.name + " " + what
}
