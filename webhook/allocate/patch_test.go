package allocate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestPatchOf: whatever has changed, the patch makes the one status of the other, on the
// condition that it is still the one, and names no more than what has changed where only
// reservations have.
func TestPatchOf(t *testing.T) {
	kinds := map[types.PatchType]int{}
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 0))
		ws := &v1alpha1.WorkloadSpread{}
		ws.ResourceVersion = "7"
		for _, version := range []string{"v1", "v~/2"}[:random.IntN(3)] {
			for i := range 1 + random.IntN(2) {
				reserve(ws, version, fmt.Sprint("subset-", i), randomKeys(random, random.IntN(4)))
			}
		}
		for i := range random.IntN(3) {
			ws.Status.SubsetStatuses = append(ws.Status.SubsetStatuses, v1alpha1.WorkloadSpreadSubsetStatus{Name: fmt.Sprint("subset-", i)})
		}
		after := changed(random, ws)
		patch, err := patchOf(ws, after.Status)
		if err != nil {
			t.Fatal(err)
		}
		kinds[patch.Type()]++
		got, operations := applied(t, ws, patch.Type(), patchData(t, patch.Data))
		if diff := cmp.Diff(after, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d, %s: -want +got:\n%s", seed, patch.Type(), diff)
		}
		if most := 3 + len(after.Status.VersionedSubsetStatuses)*2*6; operations > most {
			t.Errorf("seed %d: %d operations, want at most %d", seed, operations, most)
		}
	}
	if kinds[types.JSONPatchType] < 200 || kinds[types.MergePatchType] < 200 {
		t.Errorf("patches by type: %v", kinds)
	}
}

// TestPatchOfManyExpired: after a burst a status is written anew, which an API server
// takes; it refuses more than 10,000 operations.
func TestPatchOfManyExpired(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	ws, after := &v1alpha1.WorkloadSpread{}, &v1alpha1.WorkloadSpread{}
	reserve(ws, "v1", "a", randomKeys(random, 20000))
	reserve(after, "v1", "a", randomKeys(random, 1))
	patch, err := patchOf(ws, after.Status)
	if err != nil || patch.Type() != types.MergePatchType {
		t.Fatalf("got %s, %v", patch.Type(), err)
	}
	if got, _ := applied(t, ws, patch.Type(), patchData(t, patch.Data)); len(got.Status.VersionedSubsetStatuses["v1"][0].CreatingPods) != 1 {
		t.Errorf("reservations that expired are still there")
	}
}

func reserve(ws *v1alpha1.WorkloadSpread, version, subset string, keys map[string]metav1.Time) {
	if ws.Status.VersionedSubsetStatuses == nil {
		ws.Status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{}
	}
	ws.Status.VersionedSubsetStatuses[version] = append(ws.Status.VersionedSubsetStatuses[version],
		v1alpha1.WorkloadSpreadSubsetStatus{Name: subset, CreatingPods: keys})
}

// randomKeys are of pods that may be the same ones at another time.
func randomKeys(random *rand.Rand, n int) map[string]metav1.Time {
	keys := map[string]metav1.Time{}
	for i := range n {
		keys[fmt.Sprintf("pod~/%d", i+random.IntN(2))] = metav1.NewTime(time.Unix(1767225600+random.Int64N(3), 0))
	}
	return keys
}

// changed is ws with other reservations, and now and then more than that.
func changed(random *rand.Rand, ws *v1alpha1.WorkloadSpread) *v1alpha1.WorkloadSpread {
	after := ws.DeepCopy()
	if random.IntN(8) == 0 {
		after.Status.SubsetStatuses = append(after.Status.SubsetStatuses, v1alpha1.WorkloadSpreadSubsetStatus{Name: "more"})
	}
	for i := range after.Status.SubsetStatuses {
		if random.IntN(2) == 0 {
			after.Status.SubsetStatuses[i].Conditions = []v1alpha1.WorkloadSpreadSubsetCondition{{Type: "PodsSeen", Message: fmt.Sprint(random.IntN(3))}}
		}
	}
	for version, subsets := range after.Status.VersionedSubsetStatuses {
		for i := range subsets {
			subsets[i].MissingReplicas = random.Int32N(2)
			switch random.IntN(4) {
			case 0:
				subsets[i].CreatingPods = randomKeys(random, random.IntN(4))
			case 1:
				maps.Copy(subsets[i].CreatingPods, randomKeys(random, random.IntN(3)))
			}
		}
		if random.IntN(4) == 0 {
			reserve(after, version, "new", randomKeys(random, 2))
		}
	}
	if random.IntN(4) == 0 {
		reserve(after, "new", "a", randomKeys(random, 2))
	}
	return after
}

func patchData[T any](t *testing.T, data func(T) ([]byte, error)) []byte {
	t.Helper()
	var none T
	encoded, err := data(none)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// applied is ws after a patch, and how many operations that has.
func applied(t *testing.T, ws *v1alpha1.WorkloadSpread, kind types.PatchType, patch []byte) (got *v1alpha1.WorkloadSpread, operations int) {
	t.Helper()
	is, err := json.Marshal(ws)
	if err != nil {
		t.Fatal(err)
	}
	if kind == types.MergePatchType {
		is, err = jsonpatch.MergePatch(is, patch)
	} else {
		decoded, decodeErr := jsonpatch.DecodePatch(patch)
		if decodeErr != nil {
			t.Fatal(decodeErr)
		}
		operations = len(decoded)
		is, err = decoded.Apply(is)
	}
	if err != nil {
		t.Fatalf("%s\n%v", patch, err)
	}
	got = &v1alpha1.WorkloadSpread{}
	if err := json.Unmarshal(is, got); err != nil {
		t.Fatal(err)
	}
	return got, operations
}
