package stories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/spillway-io/spillway/e2e/playground"
)

// soon is how long a virtual node may take to say what became of its cluster. It
// takes little more than a second, and six for the largest pod, but the machine may
// be busy.
const soon = 10 * time.Second

// offer is what the upstream cluster reads of a virtual node.
type offer struct {
	CPU, Zone, Reason string
	Largest           string // its CPU
}

// TestCapacityFollowsTheCluster: whatever happens to nodes and to other people's
// pods downstream, the virtual node says within seconds what is left for us.
func TestCapacityFollowsTheCluster(t *testing.T) {
	s := tell(t, nil)
	site, err := playground.Start(s.ctx, playground.Options{Name: "site", Dir: s.dir, Binaries: s.binaries.Downstream, Nodes: []*corev1.Node{
		playground.FakeNode("big", playground.Zone("b"), playground.Capacity("8", "16Gi", "110")),
	}})
	s.must("start the site cluster", err)
	s.finally(site.Stop)
	s.must("create a namespace there", site.CreateNamespace(s.ctx, s.namespace, nil))
	s.hasVirtualNode("center", site)
	offers := s.watchesOffers("center")
	below := func(args string) {
		s.Helper()
		_, _, err := site.Kubectl(s.ctx, "", strings.Fields(args)...)
		s.must("run kubectl "+args, err)
	}
	const fine = "DownstreamReachable"
	offers.become(s, "one node is there", offer{"8", "b", fine, "8"})

	late := playground.FakeNode("late", playground.Zone("b"), playground.Capacity("4", "64Gi", "110"))
	late.Annotations = nil // so that kwok does not say that it is ready
	s.must("have a node join", site.CreateNodes(s.ctx, late))
	foreign := newPod("foreign")
	foreign.Labels, foreign.Spec.NodeName = nil, "big"
	foreign.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("3")}
	_, err = site.Client().CoreV1().Pods(s.namespace).Create(s.ctx, foreign, metav1.CreateOptions{})
	s.must("create somebody else's pod", err)
	offers.become(s, "a node joined NotReady, and somebody else's pod came", offer{"5", "b", fine, "5"})

	below(`patch node late --subresource=status -p={"status":{"conditions":[{"type":"Ready","status":"True"}]}}`)
	offers.become(s, "the node is ready", offer{"9", "b", fine, "5"})
	below("cordon big")
	offers.become(s, "the larger node is cordoned", offer{"4", "b", fine, "4"})
	below("uncordon big")
	below("taint node late dedicated=batch:NoSchedule")
	offers.become(s, "it no longer is, but the other one is tainted", offer{"5", "b", fine, "5"})
	below("taint node late dedicated=batch:NoSchedule-")
	below("label node late --overwrite topology.kubernetes.io/zone=c")
	below("delete pod foreign --grace-period=0 --force -n " + s.namespace)
	offers.become(s, "it no longer is, but is elsewhere, and somebody else's pod was deleted by force", offer{"12", "", fine, "8"})
	below("delete node big")
	offers.become(s, "the larger node is gone", offer{"4", "c", fine, "4"})
	below("cordon late")
	offers.become(s, "no node takes pods", offer{"0", "c", "NoUsableDownstreamNode", ""})
	offers.sawNothingWrong(s)
}

// offerWitness sees everything that a virtual node ever says.
type offerWitness struct {
	mu    sync.Mutex
	last  offer
	wrong []string
	seen  int
	// slowest is the longest that a change took.
	slowest time.Duration
}

// watchesOffers starts a witness for the rest of the story.
func (s *story) watchesOffers(virtualNode string) *offerWitness {
	s.Helper()
	w := &offerWitness{}
	ctx, cancel := context.WithCancel(s.ctx)
	var watching sync.WaitGroup
	s.Cleanup(watching.Wait)
	s.Cleanup(cancel)
	watching.Go(func() {
		_ = playground.Eventually(ctx, "the story ends", func(ctx context.Context) error {
			events, err := s.upstream.Client().CoreV1().Nodes().Watch(ctx, metav1.ListOptions{
				FieldSelector: fields.OneTermEqualSelector("metadata.name", virtualNode).String(),
			})
			if err != nil {
				return err
			}
			defer events.Stop()
			for event := range events.ResultChan() {
				if node, isNode := event.Object.(*corev1.Node); isNode {
					w.sees(node)
				}
			}
			return errors.New("the watch ended")
		})
	})
	return w
}

func (w *offerWitness) sees(node *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen++
	for name, quantity := range node.Status.Allocatable {
		if quantity.Sign() < 0 {
			w.wrong = append(w.wrong, fmt.Sprintf("%s %s", name, quantity.String()))
		}
	}
	w.last = offer{CPU: node.Status.Allocatable.Cpu().String(), Zone: node.Labels[corev1.LabelTopologyZone]}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			w.last.Reason = c.Reason
			if c.Status != corev1.ConditionTrue {
				w.wrong = append(w.wrong, "not Ready: "+c.Message)
			}
		}
	}
	var largest map[string]string
	if err := json.Unmarshal([]byte(node.Annotations["spillway.io/largest-pod"]), &largest); err != nil {
		largest = map[string]string{"cpu": err.Error()}
	}
	w.last.Largest = largest["cpu"]
}

// become waits until the virtual node says what it should.
func (w *offerWitness) become(s *story, when string, want offer) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, soon)
	defer cancel()
	began := time.Now()
	s.must("see what is offered when "+when, playground.Eventually(ctx, "the virtual node says it", func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if diff := cmp.Diff(want, w.last); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		return nil
	}))
	w.slowest = max(w.slowest, time.Since(began))
}

func (w *offerWitness) sawNothingWrong(s *story) {
	s.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Logf("the virtual node was written %d times; the slowest change took %.1f s", w.seen, w.slowest.Seconds())
	if len(w.wrong) > 0 {
		s.Errorf("the virtual node said: %v", w.wrong)
	}
}
