package storage

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/provider/pods"
)

// web is a pod that needs claim().
func web(phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-" + strings.ToLower(string(phase))},
		Spec: corev1.PodSpec{Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
		}}}},
		Status: corev1.PodStatus{Phase: phase},
	}
}

// world of two clusters, in which downstream creates fail with these errors, one
// after the other, and the downstream cache is empty if it is said to be behind.
type world struct {
	upstream, downstream []client.Object
	refuse               []error
	behind               bool
	// unseen are upstream objects that the upstream cache does not show yet.
	unseen []client.Object
}

func (w world) reconciler() (*Reconciler, *events.FakeRecorder) {
	recorder := events.NewFakeRecorder(10)
	r := &Reconciler{Rules: east(), Events: recorder, woken: make(chan event.TypedGenericEvent[*corev1.Pod], 10)}
	upstream := fake.NewClientBuilder().WithObjects(w.upstream...).
		WithIndex(&corev1.PersistentVolume{}, claimRefIndex, byClaimRef).WithIndex(&corev1.Pod{}, claimsIndex, r.claims).Build()
	downstream := fake.NewClientBuilder().WithObjects(w.downstream...).Build()
	refusing := interceptor.NewClient(downstream, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if len(w.refuse) > 0 {
				err := w.refuse[0]
				w.refuse = w.refuse[1:]
				return err
			}
			return c.Create(ctx, object, options...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if w.behind {
				return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
			}
			return c.Get(ctx, key, object, options...)
		},
	})
	live := fake.NewClientBuilder().WithObjects(append(w.unseen, w.upstream...)...).Build()
	if w.unseen == nil {
		live = upstream
	}
	r.Upstream, r.Downstream = pods.Cluster{Client: upstream, Live: live}, pods.Cluster{Client: refusing, Live: downstream}
	r.MakeNamespace = func(ctx context.Context, upstream string) error {
		return refusing.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "up-" + upstream}})
	}
	return r, recorder
}

// objects are the names of what a cluster has, and of claims to which volume.
func objects(t *testing.T, c client.Reader) (names []string) {
	t.Helper()
	var namespaces corev1.NamespaceList
	var volumes corev1.PersistentVolumeList
	var claims corev1.PersistentVolumeClaimList
	for _, list := range []client.ObjectList{&namespaces, &volumes, &claims} {
		if err := c.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	for i := range namespaces.Items {
		names = append(names, "namespace "+namespaces.Items[i].Name)
	}
	for i := range volumes.Items {
		names = append(names, "volume "+volumes.Items[i].Name)
	}
	for i := range claims.Items {
		names = append(names, strings.TrimSpace("claim "+claims.Items[i].Name+" "+claims.Items[i].Spec.VolumeName))
	}
	return names
}

// TestSettle is about what the shell adds to Plan: which of its inputs come from a
// cache and which from the API server, in which order things are created, and what
// becomes of errors. How real API servers behave is shown in e2e.
func TestSettle(t *testing.T) {
	boom := errors.New("boom")
	homeless := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "up-shop")
	quota := apierrors.NewForbidden(schema.GroupResource{Resource: "persistentvolumeclaims"}, "data", errors.New("exceeded quota"))
	wanted := []client.Object{claim(selected("east")), class(), web(corev1.PodPending)}
	disk, stands, metal := given(), made(), nodes("metal")[0]
	copyOfDisk := copyName("disk", east())
	cases := map[string]struct {
		reason string
		world  world
		// prepare asks for a pod's sake.
		prepare                        bool
		upstream, downstream, obstacle []string
		event                          bool
		err                            error
	}{
		"provision": {
			reason: "the claim, then the volume", world: world{upstream: wanted},
			upstream: []string{"volume pvc-1", "claim data"}, downstream: []string{"claim data"},
		},
		"provision-in-new-namespace": {
			reason: "a missing namespace is made", world: world{upstream: wanted, refuse: []error{homeless}},
			upstream: []string{"volume pvc-1", "claim data"}, downstream: []string{"namespace up-shop", "claim data"},
		},
		"provision-refused": {
			reason: "no volume stands for a claim that is not there, and its owner knows", world: world{upstream: wanted, refuse: []error{quota}},
			upstream: []string{"claim data"}, event: true,
		},
		"provision-fails": {
			reason: "a server that does not answer is no news", world: world{upstream: wanted, refuse: []error{boom}},
			upstream: []string{"claim data"}, err: boom,
		},
		"cache-behind": {
			reason:   "a foreign claim that the cache does not show is not taken for ours",
			world:    world{upstream: wanted, downstream: []client.Object{alien()}, behind: true},
			upstream: []string{"claim data"}, downstream: []string{"claim data"}, event: true,
		},
		"cache-behind-bound": {
			reason:   "a claim that the cache does not show is not lost",
			world:    world{upstream: []client.Object{claim(boundTo("pvc-1")), class(), &stands}, downstream: []client.Object{held()}, behind: true},
			upstream: []string{"volume pvc-1", "claim data pvc-1"}, downstream: []string{"claim data"},
		},
		"carry": {
			reason: "the copy, then its claim", prepare: true,
			world:    world{upstream: []client.Object{claim(boundTo("disk")), &disk}, downstream: []client.Object{&metal}},
			upstream: []string{"volume disk", "claim data disk"}, downstream: []string{"volume " + copyOfDisk, "claim data " + copyOfDisk},
		},
		"carry-just-bound": {
			reason: "a pod comes as soon as its claim is bound, before the cache shows that", prepare: true,
			world:    world{unseen: []client.Object{claim(boundTo("disk")), &disk}, downstream: []client.Object{&metal}},
			upstream: []string{"volume disk", "claim data disk"}, downstream: []string{"volume " + copyOfDisk, "claim data " + copyOfDisk},
		},
		"carry-refused": {
			reason: "who may not create volumes is told so", prepare: true,
			world:    world{upstream: []client.Object{claim(boundTo("disk")), &disk}, downstream: []client.Object{&metal}, refuse: []error{quota}},
			upstream: []string{"volume disk", "claim data disk"}, obstacle: []string{ReasonRejected}, event: true,
		},
		"carry-not-wanted": {
			reason:   "without a pod nothing is carried",
			world:    world{upstream: []client.Object{claim(boundTo("disk")), &disk}, downstream: []client.Object{&metal}},
			upstream: []string{"volume disk", "claim data disk"},
		},
		"missing": {reason: "a pod waits for a claim", prepare: true, obstacle: []string{ReasonClaimNotFound}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, recorder := c.world.reconciler()
			var reasons []string
			var err error
			if c.prepare {
				var obstacles []pods.Obstacle
				obstacles, err = r.Prepare(t.Context(), web(corev1.PodPending))
				for _, obstacle := range obstacles {
					reasons = append(reasons, obstacle.Reason)
				}
			} else {
				_, err = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key()})
			}
			if !errors.Is(err, c.err) {
				t.Errorf("%s: the error is %v", c.reason, err)
			}
			if diff := cmp.Diff(c.upstream, objects(t, r.Upstream.Live)); diff != "" {
				t.Errorf("%s: upstream -want +got:\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(c.downstream, objects(t, r.Downstream.Live)); diff != "" {
				t.Errorf("%s: downstream -want +got:\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(c.obstacle, reasons); diff != "" {
				t.Errorf("%s: obstacles -want +got:\n%s", c.reason, diff)
			}
			if told := len(recorder.Events) > 0; told != c.event {
				t.Errorf("%s: told is %t", c.reason, told)
			}
		})
	}
}

// TestWake: pods that wait for the claim look again, those that run do not.
func TestWake(t *testing.T) {
	other := web(corev1.PodPending)
	other.Name, other.Spec.Volumes[0].PersistentVolumeClaim.ClaimName = "other", "other"
	r, _ := world{upstream: []client.Object{claim(), web(corev1.PodPending), web(corev1.PodRunning), other}}.reconciler()
	if result, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: key()}); err != nil || result.RequeueAfter != time.Duration(0) {
		t.Fatalf("Reconcile returns %v, %v", result, err)
	}
	close(r.woken)
	var woken []string
	for e := range r.woken {
		woken = append(woken, e.Object.Name)
	}
	if diff := cmp.Diff([]string{"web-pending"}, woken); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLeftovers(t *testing.T) {
	bound := after(held(uid("0")), bigger)
	bound.Spec.VolumeName = "disk"
	stands, own := made(), held()
	own.Namespace = "elsewhere"
	cases := map[string]struct {
		reason     string
		upstream   []client.Object
		downstream client.Object
		want       []Leftover
	}{
		"in use":  {"it is its claim's", []client.Object{claim()}, held(), nil},
		"foreign": {"it is somebody's", nil, alien(), nil},
		"outside": {"no upstream namespace leads there", nil, own, nil},
		"gone":    {"its claim is gone", nil, held(), []Leftover{{Claim: types.NamespacedName{Namespace: "up-shop", Name: "data"}, UpstreamUID: "1"}}},
		"replaced": {
			"its claim was replaced",
			[]client.Object{claim()},
			bound,
			[]Leftover{{Claim: types.NamespacedName{Namespace: "up-shop", Name: "data"}, Volume: "disk", Capacity: bound.Status.Capacity[corev1.ResourceStorage], UpstreamUID: "0"}},
		},
		"taken over": {"its data was bound again", []client.Object{claim(boundTo("pvc-1")), &stands}, bound, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, _ := world{upstream: c.upstream, downstream: []client.Object{c.downstream}}.reconciler()
			got, err := r.Leftovers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b Leftover) bool {
				return a.Claim == b.Claim && a.Volume == b.Volume && a.UpstreamUID == b.UpstreamUID && a.Capacity.Cmp(b.Capacity) == 0
			})); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}
