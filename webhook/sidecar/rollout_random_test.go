package sidecar

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/pub"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// cluster is pods and the nodes they run on, which are slow and now and then lose
// a pod's readiness. Images with "bad" in their name never become ready.
type cluster struct {
	*testing.T

	rand *rand.Rand
	pods []*corev1.Pod
	// running is the image that runs in a pod, "" while there is none.
	running map[string]string
	// disturbed are the pods that were ready when they were changed, and have not
	// been since.
	disturbed map[string]bool
	started   int
}

func newCluster(t *testing.T, seed uint64, set *Set) *cluster {
	c := &cluster{T: t, rand: rand.New(rand.NewPCG(seed, 0)), running: map[string]string{}, disturbed: map[string]bool{}}
	for i := range 1 + c.rand.IntN(10) {
		pod := podOf(t, set, fmt.Sprintf("p%02d", i))
		pod.Labels["zone"] = fmt.Sprint(c.rand.IntN(3))
		c.running[pod.Name] = pod.Spec.Containers[0].Image
		c.pods = append(c.pods, pod)
	}
	return c
}

// live lets the nodes do something, or nothing.
func (c *cluster) live(calm bool) {
	for _, pod := range c.pods {
		wants, runsNow := pod.Spec.Containers[0].Image, c.running[pod.Name]
		switch n := c.rand.IntN(10); {
		case n < 4:
		case wants != runsNow && runsNow != "":
			// The old container is killed, and its status stays.
			c.running[pod.Name] = ""
			pod.Status.ObservedGeneration = pod.Generation
			readied(pod, false)
		case wants != runsNow && !strings.Contains(wants, "unpullable"):
			c.start(pod)
		case wants == runsNow && !strings.Contains(wants, "bad"):
			readied(pod, calm || n < 9)
		}
		if c.running[pod.Name] == wants && isReady(pod) {
			delete(c.disturbed, pod.Name)
		}
	}
}

func (c *cluster) start(pod *corev1.Pod) {
	c.started++
	before := pod.Status.ContainerStatuses[0]
	runs(pod, fmt.Sprint(c.started))
	readied(pod, false)
	if image := pod.Spec.Containers[0].Image; strings.Contains(image, "alias") {
		// The node has the image already, under another name.
		pod.Status.ContainerStatuses[0].Image, pod.Status.ContainerStatuses[0].ImageID = before.Image, before.ImageID
	}
	c.running[pod.Name] = pod.Spec.Containers[0].Image
}

// follow does what the plan says.
func (c *cluster) follow(set *Set, most int) {
	c.Helper()
	for _, pod := range (View{Set: set, Pods: c.pods}).Plan().Update {
		if isReady(pod) {
			c.disturbed[pod.Name] = true
		}
		after := updated(c, pod, set)
		if after.Spec.Containers[0].Image == pod.Spec.Containers[0].Image {
			c.Fatalf("%s is changed to what it is", pod.Name)
		}
		*pod = *after
	}
	if len(c.disturbed) > most {
		c.Fatalf("%d pods are unavailable because of the set, %d may be: %v", len(c.disturbed), most, c.disturbed)
	}
}

// roll makes so many passes, and returns how many pods have the set's version.
func (c *cluster) roll(set *Set, passes int, calm bool) (updated int) {
	c.Helper()
	most := maxUnavailableOf(set.Object.Spec.UpdateStrategy.MaxUnavailable, len(c.pods))
	for range passes {
		c.live(calm)
		// The controller sees some of what happens only later.
		if c.rand.IntN(3) > 0 {
			c.follow(set, most)
		}
	}
	return int(View{Set: set, Pods: c.pods}.Report(nil, midnight()).Status.UpdatedPods)
}

func (c *cluster) strategy() v1alpha1.SidecarSetUpdateStrategy {
	s := v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: new(intstr.FromInt32(int32(1 + c.rand.IntN(3))))}
	if c.rand.IntN(3) == 0 {
		s.MaxUnavailable = new(intstr.FromString(fmt.Sprintf("%d%%", 1+c.rand.IntN(100))))
	}
	if c.rand.IntN(2) == 0 {
		s.Partition = new(intstr.FromInt32(int32(c.rand.IntN(1 + len(c.pods)))))
	}
	switch c.rand.IntN(4) {
	case 0:
		s.ScatterStrategy = v1alpha1.UpdateScatterStrategy{{Key: "zone", Value: "*"}}
	case 1:
		s.ScatterStrategy = v1alpha1.UpdateScatterStrategy{{Key: "zone", Value: "1"}}
	case 2:
		s.PriorityStrategy = &pub.UpdatePriorityStrategy{OrderPriority: []pub.UpdatePriorityOrderTerm{{OrderedKey: "zone"}}}
	}
	return s
}

// TestSimulatedRollouts follows random pods through random versions: some cannot
// be pulled, some never become ready, and some rollouts are overtaken by the next
// one. At no time are more pods unavailable because of the set than may be; bad
// versions stop there; good ones get everywhere, but for the partition.
func TestSimulatedRollouts(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			first := rolling("log:v0", nil)
			c := newCluster(t, seed, first)
			strategy := c.strategy()
			version := func(image string) *Set {
				object := agents(image)
				object.Spec.UpdateStrategy = strategy
				return Compile(object, nil)
			}
			// One that is overtaken, one that is bad, and the one that repairs it.
			c.roll(version(c.image("log:v1", "log:v1-alias")), 1+c.rand.IntN(10), false)
			ready := c.ready()
			bad := version(c.image("log:v2-bad", "log:v2-bad-unpullable"))
			reached := c.roll(bad, 40, true)
			most := maxUnavailableOf(strategy.MaxUnavailable, len(c.pods))
			if allowed := most + len(c.pods) - ready; reached > allowed {
				t.Errorf("%d pods got a bad version, %d may be unavailable, and %d of %d were ready", reached, most, ready, len(c.pods))
			}
			good := version(c.image("log:v3", "log:v3-alias"))
			reached = c.roll(good, 150, true)
			if want := len(c.pods) - partitionOf(strategy.Partition, len(c.pods)); reached != want || len(c.disturbed) > 0 {
				t.Errorf("%d of %d pods got the good version, want %d; %d disturbed", reached, len(c.pods), want, len(c.disturbed))
			}
		})
	}
}

// image is one of two.
func (c *cluster) image(a, b string) string {
	if c.rand.IntN(2) == 0 {
		return a
	}
	return b
}

func (c *cluster) ready() (n int) {
	for _, pod := range c.pods {
		if isReady(pod) && c.running[pod.Name] == pod.Spec.Containers[0].Image {
			n++
		}
	}
	return n
}

// TestSimulatedSelector: a rollout to the pods that a selector selects gets to all
// of them, and to no other.
func TestSimulatedSelector(t *testing.T) {
	for seed := range uint64(8) {
		c := newCluster(t, seed, rolling("log:v0", nil))
		object := agents("log:v1")
		object.Spec.UpdateStrategy.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"zone": "1"}}
		c.roll(Compile(object, nil), 100, true)
		for _, pod := range c.pods {
			if got := pod.Spec.Containers[0].Image == "log:v1"; got != (pod.Labels["zone"] == "1") {
				t.Errorf("seed %d: pod of zone %s got the version: %t", seed, pod.Labels["zone"], got)
			}
		}
	}
}
