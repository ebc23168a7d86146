package allocate_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/webhook/allocate"
	"github.com/spillway-io/spillway/webhook/spread"
)

// TestBurst: many pods at once, by several replicas that know of each other only
// what the API server has, fill the subset exactly, with few writes.
func TestBurst(t *testing.T) {
	const pods, capOfA = 300, 50
	for replicas := 1; replicas <= 3; replicas++ {
		t.Run(fmt.Sprintf("%d-replicas", replicas), func(t *testing.T) {
			api := newServer(capOfA)
			var allocators []*allocate.Allocator
			for range replicas {
				allocators = append(allocators, newAllocator(t, api))
			}
			var (
				wg     sync.WaitGroup
				mu     sync.Mutex
				placed = map[string]int{}
			)
			for i := range pods {
				wg.Go(func() {
					d := allocators[i%replicas].Decide(t.Context(), "default", newPod(), types.UID(fmt.Sprint("uid-", i)), false)
					mu.Lock()
					defer mu.Unlock()
					placed[d.Subset.Name]++
				})
			}
			wg.Wait()
			if placed["a"] != capOfA || placed["b"] != pods-capOfA {
				t.Errorf("placed %v, want 50 in a and 250 in b", placed)
			}
			if held := len(api.reservations()); held != capOfA {
				t.Errorf("%d reservations, want %d", held, capOfA)
			}
			t.Logf("%d writes, of which %d conflicts", api.writes, api.conflicts)
		})
	}
}

// TestUnlimitedFirstWritesNothing: no slot, no write, and no look at the pods.
func TestUnlimitedFirstWritesNothing(t *testing.T) {
	api := newServer(0)
	api.ws.Spec.Subsets[0].MaxReplicas = nil
	api.podsErr = errors.New("nobody needs to know")
	d := newAllocator(t, api).Decide(t.Context(), "default", newPod(), "uid", false)
	if d.Subset == nil || d.Subset.Name != "a" || api.writes != 0 {
		t.Errorf("got %+v after %d writes, want a after none", d, api.writes)
	}
}

// TestDryRunWritesNothing: a pod that will not exist takes no slot, and is told
// the subset it would get.
func TestDryRunWritesNothing(t *testing.T) {
	api := newServer(1)
	a := newAllocator(t, api)
	for range 3 {
		if d := a.Decide(t.Context(), "default", newPod(), "uid", true); d.Subset.Name != "a" || d.UID != "" {
			t.Errorf("got %+v, want a without a reservation", d)
		}
	}
	if api.writes != 0 {
		t.Errorf("%d writes", api.writes)
	}
}

// TestNotTargeted: nothing is decided.
func TestNotTargeted(t *testing.T) {
	api := newServer(1)
	api.ws = nil
	if d := newAllocator(t, api).Decide(t.Context(), "default", newPod(), "uid", false); d != nil {
		t.Errorf("got %+v", d)
	}
}

// TestCannotRecord: a subset whose slots cannot be recorded is passed over, and
// no pod is denied or placed uncounted.
func TestCannotRecord(t *testing.T) {
	api := newServer(1)
	api.writeErr = errors.New("etcd is on fire")
	d := newAllocator(t, api).Decide(t.Context(), "default", newPod(), "uid", false)
	if d.Subset == nil || d.Subset.Name != "b" || d.Reason != spread.Spilled {
		t.Errorf("got %+v, want b", d)
	}
}

// TestCannotRead: whatever cannot be read, the decision says so and nobody waits.
func TestCannotRead(t *testing.T) {
	broken := errors.New("connection refused")
	cases := map[string]func(*server){
		"pods": func(s *server) { s.podsErr = broken },
		"target": func(s *server) {
			s.ws.Spec.Subsets[0].MaxReplicas = new(intstr.FromString("50%"))
			s.targetErr = broken
		},
		"nodes":  func(s *server) { s.nodesErr = broken },
		"owners": func(s *server) { s.spreadErr = broken },
	}
	for name, breakIt := range cases {
		t.Run(name, func(t *testing.T) {
			api := newServer(1)
			breakIt(api)
			d := newAllocator(t, api).Decide(t.Context(), "default", newPod(), "uid", false)
			if d.Reason != spread.Failed || !errors.Is(d.Err, broken) {
				t.Errorf("got %+v, want the error", d)
			}
		})
	}
}

// TestSlowServerLosesNoSubset: an API server that is so busy that it takes three
// seconds to answer is waited for; a pod without its subset could land anywhere.
func TestSlowServerLosesNoSubset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newServer(0)
		api.ws.Spec.Subsets[0].MaxReplicas = new(intstr.FromString("50%"))
		api.liveReplicas, api.targetTakes = 2, 3*time.Second
		d := newAllocator(t, api).Decide(t.Context(), "default", newPod(), "uid", false)
		if d.Subset == nil || d.Subset.Name != "a" {
			t.Errorf("got %+v, want a", d)
		}
	})
}

// TestStaleCache: a create that cannot be, by what the cache has, is decided on
// what the API server has.
func TestStaleCache(t *testing.T) {
	api := newServer(1)
	api.wanted = 1
	gone := newPod()
	gone.Name = "gone"
	gone.Annotations = map[string]string{"apps.kruise.io/matched-workloadspread": `{"name":"ws","subset":"a","uid":"gone"}`}
	api.cached = []*corev1.Pod{gone}
	if d := newAllocator(t, api).Decide(t.Context(), "default", newPod(), "uid", false); d.Subset.Name != "a" {
		t.Errorf("got %+v, want a: its pod is gone", d)
	}
}

// TestUnreadableServerLosesNoSubset: where the API server cannot tell of pods that the
// cache has and the owner cannot want, the cache is taken as it is. The pod was admitted
// without its WorkloadSpread, and adopted later by a subset that was full by then.
func TestUnreadableServerLosesNoSubset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newServer(2)
		api.wanted, api.hangs = 1, true
		gone := newPod()
		gone.Name = "gone"
		gone.Annotations = map[string]string{"apps.kruise.io/matched-workloadspread": `{"name":"ws","subset":"a","uid":"gone"}`}
		api.cached = []*corev1.Pod{gone}
		a, began := newAllocator(t, api), time.Now()
		for i, want := range []string{"a", "b"} {
			d := a.Decide(t.Context(), "default", newPod(), types.UID(fmt.Sprint(i)), false)
			if d.Subset == nil || d.Subset.Name != want || !strings.Contains(fmt.Sprint(d.Warnings), "could not be asked") {
				t.Errorf("pod %d: got %+v, want %s", i, d, want)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("that took %s", took)
		}
	})
}

// TestPercentIsOfWhatIsWantedNow: the cache has yet to see that the workload was
// scaled.
func TestPercentIsOfWhatIsWantedNow(t *testing.T) {
	api := newServer(0)
	api.ws.Spec.Subsets[0].MaxReplicas = new(intstr.FromString("50%"))
	api.replicas, api.liveReplicas = 2, 10
	a := newAllocator(t, api)
	placed := map[string]int{}
	for i := range 10 {
		placed[a.Decide(t.Context(), "default", newPod(), types.UID(fmt.Sprint(i)), false).Subset.Name]++
	}
	if placed["a"] != 5 || placed["b"] != 5 {
		t.Errorf("placed %v, want 5 and 5", placed)
	}
}

func newAllocator(t testing.TB, api *server) *allocate.Allocator {
	t.Helper()
	metrics, err := allocate.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return allocate.New(api, api, api, metrics)
}

var _ allocate.Workloads = (*server)(nil)

// reservations are the keys of all slots that are held.
func (s *server) reservations() map[string]bool {
	keys := map[string]bool{}
	for _, subsets := range s.ws.Status.VersionedSubsetStatuses {
		for _, subset := range subsets {
			for key := range subset.CreatingPods {
				keys[key] = true
			}
		}
	}
	return keys
}

func newSpread(capOfA int) *v1alpha1.WorkloadSpread {
	ws := &v1alpha1.WorkloadSpread{}
	ws.Namespace, ws.Name, ws.UID, ws.ResourceVersion = "default", "ws", "ws", "1"
	ws.Spec.TargetReference = &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web"}
	ws.Spec.Subsets = []v1alpha1.WorkloadSpreadSubset{{Name: "a", MaxReplicas: new(intstr.FromInt32(int32(capOfA)))}, {Name: "b"}}
	return ws
}
