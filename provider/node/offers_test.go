package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/spillway-io/spillway/provider/capacity"
)

// TestOfferOfAnEmptyCluster: there is no event to wait for, and a Node that says
// otherwise has to be corrected.
func TestOfferOfAnEmptyCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{downstream: newDownstream()}
		node := c.follow(t, rules{})
		<-time.After(settle)
		synctest.Wait()
		want := story{Free: amounts{"cpu": 0, "memory": 0, "pods": 0}, Largest: amounts{}, Arch: "amd64", Reason: ReasonNoUsableNode}
		if diff := cmp.Diff(want, said(t, node.Load())); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// TestOwnPodsDoNotFloodTheNode: each of our pods changes the largest pod by
// starting, and hundreds start in a burst.
func TestOwnPodsDoNotFloodTheNode(t *testing.T) {
	const pods, every = 100, 300 * time.Millisecond
	cases := map[string]struct {
		own        bool
		atLeast    int
		atMost     int
		wantsAtEnd story
	}{
		"our-own": {own: true, atLeast: 5, atMost: 7, wantsAtEnd: story{
			Free: amounts{"cpu": 200_000, "memory": 0, "pods": 200_000}, Largest: amounts{"cpu": 100_000}, Arch: "amd64", Reason: ReasonReachable,
		}},
		"foreign": {atLeast: 20, atMost: 32, wantsAtEnd: story{
			Free: amounts{"cpu": 100_000, "memory": 0, "pods": 100_000}, Largest: amounts{"cpu": 100_000}, Arch: "amd64", Reason: ReasonReachable,
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cluster{downstream: newDownstream(), machines: map[string]machine{}, programs: map[string]program{}}
				c.putNode(machine{name: "n", arch: "amd64", ready: corev1.ConditionTrue, has: amounts{"cpu": 200_000, "pods": 200_000}}, "joins")
				node := c.follow(t, rules{})
				<-time.After(settle)
				synctest.Wait()
				writes, before := 0, node.Load()
				for i := range pods {
					c.putPod(program{name: fmt.Sprint(i), node: "n", own: tc.own, asks: amounts{"cpu": 1000}}, "comes")
					<-time.After(every)
					synctest.Wait()
					if now := node.Load(); now != before {
						writes, before = writes+1, now
					}
				}
				<-time.After(largestInterval + settle)
				synctest.Wait()
				if diff := cmp.Diff(tc.wantsAtEnd, said(t, node.Load())); diff != "" {
					t.Errorf("when it is quiet: -want +got:\n%s", diff)
				}
				if writes < tc.atLeast || writes > tc.atMost {
					t.Errorf("the Node was written %d times in %s, want %d to %d", writes, pods*every, tc.atLeast, tc.atMost)
				}
			})
		})
	}
}

func TestTell(t *testing.T) {
	now := time.Unix(1000, 0)
	offer := func(free, largest string) capacity.Offer {
		return capacity.Offer{
			Free:    corev1.ResourceList{"cpu": resource.MustParse(free)},
			Largest: corev1.ResourceList{"cpu": resource.MustParse(largest)},
			Labels:  map[string]string{},
		}
	}
	relabelled := offer("8", "4")
	relabelled.Labels["kubernetes.io/arch"] = "arm64"
	unusable := offer("8", "4")
	unusable.Unusable = "no downstream node takes pods: 1 cordoned"
	type tells struct {
		News bool
		Wait time.Duration
	}
	cases := map[string]struct {
		reason string
		last   told
		offer  capacity.Offer
		want   tells
	}{
		"first":               {"Nothing was told before.", told{}, offer("8", "4"), tells{News: true}},
		"same":                {"Nothing to tell.", told{offer("8", "4"), now}, offer("8", "4"), tells{}},
		"same-in-other-words": {"Quantities are compared by value.", told{offer("8", "4"), now}, offer("8000m", "4"), tells{}},
		"free":                {"The scheduler has to know.", told{offer("8", "4"), now}, offer("7", "4"), tells{News: true}},
		"free-and-largest":    {"One write for both.", told{offer("8", "4"), now}, offer("7", "3"), tells{News: true}},
		"labels":              {"So do others.", told{offer("8", "4"), now}, relabelled, tells{News: true}},
		"unusable":            {"So does the operator.", told{offer("8", "4"), now}, unusable, tells{News: true}},
		"largest-at-once":     {"It would be written for every pod.", told{offer("8", "4"), now}, offer("8", "3"), tells{News: true, Wait: 5 * time.Second}},
		"largest-in-a-while":  {"The rest of the time since the last write.", told{offer("8", "4"), now.Add(-3 * time.Second)}, offer("8", "3"), tells{News: true, Wait: 2 * time.Second}},
		"largest-later":       {"Long enough ago.", told{offer("8", "4"), now.Add(-5 * time.Second)}, offer("8", "3"), tells{News: true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got tells
			got.News, got.Wait = tc.last.tell(tc.offer, now)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestHeartbeatsCostNothing: most changes of nodes and pods, and what a cache
// repeats by itself, are no reason to compute anything.
func TestHeartbeatsCostNothing(t *testing.T) {
	c := &cluster{downstream: newDownstream(), machines: map[string]machine{}, programs: map[string]program{}}
	watch, err := watchOffers(t.Context(), c.downstream, isOwn, capacity.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	m := machine{name: "n", ready: corev1.ConditionTrue, has: amounts{"cpu": 1000}}
	p := program{name: "p", node: "n", phase: corev1.PodPending, asks: amounts{"cpu": 1000}}
	c.putNode(m, "joins")
	c.putPod(p, "comes")
	<-watch.changed
	m.beats, p.beats, p.phase = 1, 1, corev1.PodRunning
	c.putNode(m, "lives")
	c.putPod(p, "runs")
	c.putNode(m, "is repeated")
	c.putPod(p, "is repeated")
	select {
	case <-watch.changed:
		t.Error("the offer would be computed again")
	default:
	}
}

// TestCollecting: what computing the offer takes is a part of the machine that does not
// grow with the number of pods.
func TestCollecting(t *testing.T) {
	cases := map[string]struct {
		reason     string
		took, want time.Duration
	}{
		"small": {"a second is soon enough for anybody", time.Millisecond, settle},
		"large": {"one part in a hundred", 30 * time.Millisecond, 3 * time.Second},
		"huge":  {"but the Node is not to be wrong for long", time.Second, longestSettle},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := collecting(tc.took); got != tc.want {
				t.Errorf("%s: collecting(%s) = %s, want %s", tc.reason, tc.took, got, tc.want)
			}
		})
	}
}
