package allocate_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/spread"
)

// server stands in for an API server and for a cache of it that is behind: the
// cache never sees a reservation. Of an API server it has what the allocator
// relies on, that a write on an old version is refused. The rest are stories.
type server struct {
	client.Reader
	client.SubResourceWriter

	mu                sync.Mutex
	ws                *v1alpha1.WorkloadSpread
	writes, conflicts int
	// changed is the WorkloadSpread as it was when its spec changed last; nil: never.
	changed *v1alpha1.WorkloadSpread
	// How long a request takes; batches form meanwhile.
	writeTakes, readTakes, targetTakes time.Duration

	// hangs says that the API server lists no pods, for as long as anybody waits.
	hangs bool

	// cached is what the cache has, and the API server has no longer.
	cached                                            []*corev1.Pod
	nodes                                             []*corev1.Node
	wanted                                            int
	replicas, liveReplicas                            int32
	spreadErr, targetErr, podsErr, nodesErr, writeErr error
}

func newServer(capOfA int) *server {
	return &server{ws: newSpread(capOfA), writeTakes: time.Millisecond}
}

func newPod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Labels:          map[string]string{"pod-template-hash": "v1"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "web", Controller: new(true)}},
	}}
}

// SpreadOf returns the WorkloadSpread as it was at first, or when its spec changed: the
// cache is behind.
func (s *server) SpreadOf(context.Context, string, *corev1.Pod) (*v1alpha1.WorkloadSpread, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws == nil || s.spreadErr != nil {
		return nil, s.spreadErr
	}
	if s.changed != nil {
		return s.changed.DeepCopy(), nil
	}
	behind := s.ws.DeepCopy()
	behind.ResourceVersion, behind.Status = "1", v1alpha1.WorkloadSpreadStatus{}
	return behind, nil
}

// Get reads the WorkloadSpread as it is.
func (s *server) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	<-time.After(s.readTakes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ws.DeepCopyInto(object.(*v1alpha1.WorkloadSpread))
	return nil
}

func (s *server) Status() client.SubResourceWriter { return s }

// Patch merges what is written into the object, if that is at the version it was read at.
func (s *server) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	<-time.After(s.writeTakes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.writeErr != nil {
		return s.writeErr
	}
	written, err := patched(s.ws, patch)
	if err != nil {
		s.conflicts++
		return err
	}
	version, err := strconv.Atoi(s.ws.ResourceVersion)
	if err != nil {
		return err
	}
	written.ResourceVersion = strconv.Itoa(version + 1)
	s.ws = written
	object.SetResourceVersion(written.ResourceVersion)
	return nil
}

// patched is an object as a patch changes it, with the errors of an API server.
func patched(ws *v1alpha1.WorkloadSpread, patch client.Patch) (*v1alpha1.WorkloadSpread, error) {
	content, err := patch.Data(nil)
	if err != nil {
		return nil, err
	}
	is, err := json.Marshal(ws)
	if err != nil {
		return nil, err
	}
	if patch.Type() == types.MergePatchType {
		is, err = jsonpatch.MergePatch(is, content)
	} else {
		is, err = operated(is, content)
	}
	if err != nil {
		return nil, err
	}
	changed := &v1alpha1.WorkloadSpread{}
	if err := json.Unmarshal(is, changed); err != nil {
		return nil, err
	}
	if changed.ResourceVersion != ws.ResourceVersion {
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "workloadspreads"}, "ws", nil)
	}
	return changed, nil
}

// operated is JSON after a JSON patch.
func operated(before, patch []byte) ([]byte, error) {
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	after, err := operations.Apply(before)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
	}
	return after, nil
}

func (s *server) Borne(context.Context, string, *corev1.Pod) bool { return false }

func (s *server) Target(context.Context, *v1alpha1.WorkloadSpread) (spread.Target, bool, error) {
	return spread.Target{Replicas: &s.replicas}, true, s.targetErr
}

func (s *server) LiveTarget(ctx context.Context, _ *v1alpha1.WorkloadSpread) (spread.Target, bool, error) {
	select {
	case <-time.After(s.targetTakes):
	case <-ctx.Done():
		return spread.Target{}, false, ctx.Err()
	}
	return spread.Target{Replicas: &s.liveReplicas}, true, s.targetErr
}

func (s *server) PodsWith(context.Context, *v1alpha1.WorkloadSpread, ...spread.Owner) ([]*corev1.Pod, error) {
	return s.cached, s.podsErr
}

func (s *server) Turnout(_ context.Context, ws *v1alpha1.WorkloadSpread, now time.Time, _ ...spread.Owner) (*spread.Turnout, error) {
	var roll spread.Roll
	for _, pod := range s.cached {
		roll.Put(pod)
	}
	return spread.TurnoutOf(ws, now, 0, &roll), s.podsErr
}

func (s *server) SeenUpTo(time.Time) uint64 { return 0 }

func (s *server) LivePods(ctx context.Context, _ *v1alpha1.WorkloadSpread, _ ...spread.Owner) ([]*corev1.Pod, error) {
	if s.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, s.podsErr
}

func (s *server) Wanted(context.Context, *v1alpha1.WorkloadSpread, []*corev1.Pod, bool) (map[string]int, error) {
	if s.wanted == 0 {
		return nil, nil
	}
	return map[string]int{"v1": s.wanted}, nil
}

func (s *server) Nodes(context.Context) ([]*corev1.Node, error) { return s.nodes, s.nodesErr }
