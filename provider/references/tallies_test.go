package references

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/spillway-io/spillway/provider/translate"
)

// shelf is a cache of pods with usesIndex, which is computed for each list.
type shelf struct {
	client.Reader // nil: nothing else is asked

	pods map[types.NamespacedName]*corev1.Pod
	uses func(*corev1.Pod) []Key
	// events take what happens in the cache, after it has.
	events handler.TypedEventHandler[*corev1.Pod, Key]
}

func (s *shelf) Get(_ context.Context, name client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	pod, found := s.pods[name]
	if !found {
		return apierrors.NewNotFound(corev1.Resource("pods"), name.Name)
	}
	*object.(*corev1.Pod) = *pod //nolint:forcetypeassert // Only pods are asked for.
	return nil
}

func (s *shelf) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	wanted, _ := new(client.ListOptions).ApplyOptions(options).FieldSelector.RequiresExactMatch(usesIndex)
	for _, pod := range s.pods {
		for _, key := range s.uses(pod) {
			if key.String() == wanted {
				list.(*corev1.PodList).Items = append(list.(*corev1.PodList).Items, *pod) //nolint:forcetypeassert // Only pods are asked for.
				break
			}
		}
	}
	return nil
}

// put has a pod replace the one of its name.
func (s *shelf) put(ctx context.Context, pod *corev1.Pod, q queue) {
	name := client.ObjectKeyFromObject(pod)
	before := s.pods[name]
	s.pods[name] = pod
	if before == nil {
		s.events.Create(ctx, event.TypedCreateEvent[*corev1.Pod]{Object: pod}, q)
		return
	}
	s.events.Update(ctx, event.TypedUpdateEvent[*corev1.Pod]{ObjectOld: before, ObjectNew: pod}, q)
}

func (s *shelf) drop(ctx context.Context, name types.NamespacedName, q queue) {
	before := s.pods[name]
	if before == nil {
		return
	}
	delete(s.pods, name)
	s.events.Delete(ctx, event.TypedDeleteEvent[*corev1.Pod]{Object: before}, q)
}

// counting is a controller that sees the pods of two caches.
func counting(rules translate.Rules) (c *Controller, above, below *shelf) {
	above = &shelf{pods: map[types.NamespacedName]*corev1.Pod{}, uses: func(pod *corev1.Pod) (keys []Key) {
		for _, want := range Wanted(pod, rules) {
			keys = append(keys, want.Key)
		}
		return keys
	}}
	below = &shelf{pods: map[types.NamespacedName]*corev1.Pod{}, uses: func(pod *corev1.Pod) []Key { return Mentioned(pod, rules) }}
	c = &Controller{rules: rules, book: newBook(), users: users{rules: rules, tallies: newTallies(rules), upstream: above, downstream: below}}
	above.events, below.events = c.upstreamPods(), c.downstreamPods()
	return c, above, below
}

func newQueue(t testing.TB) queue {
	t.Helper()
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[Key]())
	t.Cleanup(q.ShutDown)
	return q
}

func drained(q queue) map[Key]bool {
	all := make(map[Key]bool)
	for q.Len() > 0 {
		key, _ := q.Get()
		q.Done(key)
		all[key] = true
	}
	return all
}

// walked is what a walk over all users of a copy finds.
func walked(t *testing.T, u users, key Key) (count, map[types.UID]user) {
	t.Helper()
	pods, held, err := u.of(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	found, byUID := count{Users: len(pods)}, make(map[types.UID]user)
	if held {
		found.Held = 1
	}
	for _, user := range pods {
		byUID[user.Pod.UID] = user
		if !user.Want.Optional {
			found.Needing++
		}
		if translate.Started(user.Pod) {
			found.Started++
		}
	}
	return found, byUID
}

// TestTalliesAgreeWithWalk: whatever pods do, what is counted of them is what a walk
// over all of them finds, and a copy is worked on exactly when that has to be.
func TestTalliesAgreeWithWalk(t *testing.T) {
	rules := testRules()
	rules.Namespaces.Names = map[string]string{"bank": "vault"}
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c, above, below := counting(rules)
			q, random := newQueue(t), rand.New(rand.NewPCG(seed, 9)) //nolint:gosec // It has to be repeatable.
			before := map[Key]count{}
			for step := range 300 {
				happen(t.Context(), random, step, above, below, q)
				queued := drained(q)
				for _, key := range randomKeys(above, below) {
					if _, known := before[key]; !known {
						before[key] = count{}
					}
				}
				for key, was := range before {
					now, byUID := walked(t, c.users, key)
					counted := c.users.tallies.of(key)
					counted.Held = min(counted.Held, 1)
					if diff := cmp.Diff(now, counted); diff != "" {
						t.Fatalf("step %d, %v (-walked +counted):\n%s", step, key, diff)
					}
					if one, used := c.users.tallies.one(key); used != (now.Users > 0) || used && !reflect.DeepEqual(one, byUID[one.Pod.UID]) {
						t.Fatalf("step %d: %v is used by %+v (%v), want one of %+v", step, key, one, used, byUID)
					}
					if c := (change{before: was, after: now}); queued[key] != c.matters() {
						t.Fatalf("step %d: %v is worked on: %v, after it went from %+v to %+v", step, key, queued[key], was, now)
					}
					before[key] = now
					if now == (count{}) {
						delete(before, key)
					}
				}
			}
			for name := range above.pods {
				above.drop(t.Context(), name, q)
			}
			for name := range below.pods {
				below.drop(t.Context(), name, q)
			}
			if left := c.users.tallies; len(left.copies)+len(left.pairs) > 0 {
				t.Errorf("all pods are gone, still counted are %v and %v", left.copies, left.pairs)
			}
		})
	}
}

// randomKeys are the copies that random pods may use.
func randomKeys(above, below *shelf) []Key {
	keys := make(map[Key]bool)
	for _, namespace := range []string{"up-shop", "vault", "elsewhere"} {
		for _, name := range []string{"a", "b", "c"} {
			keys[Key{Kind: translate.ConfigMap, Namespace: namespace, Name: name}] = true
		}
	}
	for _, s := range []*shelf{above, below} {
		for _, pod := range s.pods {
			for _, key := range s.uses(pod) {
				keys[key] = true
			}
		}
	}
	var all []Key
	for key := range keys {
		all = append(all, key)
	}
	return all
}

// happen has something happen to a random pod of either cluster.
func happen(ctx context.Context, random *rand.Rand, step int, above, below *shelf, q queue) {
	name := fmt.Sprintf("pod-%d", random.IntN(4))
	namespace, other := "shop", "up-shop"
	switch random.IntN(5) {
	case 0:
		namespace, other = "bank", "vault"
	case 1:
		namespace, other = "", "elsewhere" // It stands for no upstream namespace.
	}
	switch random.IntN(6) {
	case 0:
		above.drop(ctx, types.NamespacedName{Namespace: namespace, Name: name}, q)
	case 1:
		below.drop(ctx, types.NamespacedName{Namespace: other, Name: name}, q)
	case 2, 3:
		if namespace == "" {
			return
		}
		pod := randomPod(random, above.pods[types.NamespacedName{Namespace: namespace, Name: name}], step)
		pod.Namespace, pod.Name = namespace, name
		above.put(ctx, pod, q)
	default:
		pod := randomPod(random, below.pods[types.NamespacedName{Namespace: other, Name: name}], step)
		pod.Namespace, pod.Name = other, name
		if up := above.pods[types.NamespacedName{Namespace: namespace, Name: name}]; up != nil && random.IntN(4) > 0 {
			pod.Spec = *up.Spec.DeepCopy()
			pod.Generation += min(pod.Generation, 1)
			testRules().Mark(&pod.ObjectMeta, up.UID)
		} else if random.IntN(2) > 0 {
			testRules().Mark(&pod.ObjectMeta, "of-another")
		}
		below.put(ctx, pod, q)
	}
}

// randomPod is a pod as it may follow on another one, or on none.
func randomPod(random *rand.Rand, before *corev1.Pod, step int) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint("uid-", step)), Generation: int64(random.IntN(2))}}
	if before != nil && random.IntN(3) > 0 {
		pod = before.DeepCopy()
		if len(pod.Spec.Volumes) > 0 && random.IntN(4) == 0 { // As an ephemeral container may refer to more.
			pod.Spec.Volumes = pod.Spec.Volumes[1:]
			pod.Generation += min(pod.Generation, 1)
		}
	} else {
		for _, name := range []string{"a", "b", "c"} {
			if random.IntN(2) > 0 {
				source := &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}
				if random.IntN(2) > 0 {
					source.Optional = new(true)
				}
				pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{ConfigMap: source}})
			}
		}
		if random.IntN(2) > 0 {
			addAccess(pod)
		}
	}
	pod.ResourceVersion = fmt.Sprint(step)
	if random.IntN(3) == 0 {
		pod.Status.StartTime = &metav1.Time{}
	}
	if random.IntN(6) == 0 {
		pod.Status.Phase = corev1.PodSucceeded
	}
	if random.IntN(4) == 0 {
		pod.Annotations = map[string]string{"spillway.io/api-access": []string{"none", "upstream"}[random.IntN(2)]}
	}
	return pod
}
