package allocate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxOperations is how many changes are named one by one. An API server takes ten
// thousand, each of which costs it more than an entry of a list that is written anew.
const maxOperations = 1000

// operation is one of a JSON patch, RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// patchOf writes a status over that of ws, if ws has not changed meanwhile. In a burst
// there are hundreds of reservations, and a batch changes some of them: these are named.
// More than that, such as the first reservations of a version, is written with all subsets
// of that version.
func patchOf(ws *v1alpha1.WorkloadSpread, after v1alpha1.WorkloadSpreadStatus) (client.Patch, error) {
	if operations, ok := operationsOf(ws, after); ok {
		return encoded(types.JSONPatchType, operations)
	}
	return encoded(types.MergePatchType, changedVersions(ws, after))
}

func encoded(kind types.PatchType, content any) (client.Patch, error) {
	data, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the status: %w", err)
	}
	return client.RawPatch(kind, data), nil
}

// changedVersions is a merge patch with the versions whose subsets have changed, and what
// is noted of all versions.
func changedVersions(ws *v1alpha1.WorkloadSpread, after v1alpha1.WorkloadSpreadStatus) map[string]any {
	changed := map[string][]v1alpha1.WorkloadSpreadSubsetStatus{}
	for version, subsets := range after.VersionedSubsetStatuses {
		if !reflect.DeepEqual(ws.Status.VersionedSubsetStatuses[version], subsets) {
			changed[version] = subsets
		}
	}
	status := map[string]any{"versionedSubsetStatuses": changed}
	if !reflect.DeepEqual(ws.Status.SubsetStatuses, after.SubsetStatuses) {
		status["subsetStatuses"] = after.SubsetStatuses
	}
	return map[string]any{"metadata": map[string]any{"resourceVersion": ws.ResourceVersion}, "status": status}
}

// operationsOf are a JSON patch with the reservations that have changed; ok is false if
// more than these has, or too many of them. The test comes first: where there are other
// reservations by now, the operations behind it mean something else, or cannot be done.
func operationsOf(ws *v1alpha1.WorkloadSpread, after v1alpha1.WorkloadSpreadStatus) (operations []operation, ok bool) {
	operations = []operation{{Op: "test", Path: "/metadata/resourceVersion", Value: ws.ResourceVersion}}
	if len(after.SubsetStatuses) != len(ws.Status.SubsetStatuses) {
		return nil, false
	}
	for i, subset := range after.SubsetStatuses {
		if !reflect.DeepEqual(subset.Conditions, ws.Status.SubsetStatuses[i].Conditions) {
			operations = append(operations, operation{Op: "add", Path: "/status/subsetStatuses/" + strconv.Itoa(i) + "/conditions", Value: subset.Conditions})
		}
	}
	for version, subsets := range after.VersionedSubsetStatuses {
		before := ws.Status.VersionedSubsetStatuses[version]
		if len(before) != len(subsets) {
			return nil, false
		}
		for i := range subsets {
			path := "/status/versionedSubsetStatuses/" + token(version) + "/" + strconv.Itoa(i)
			changes, ok := changesOf(path, before[i], subsets[i])
			if operations = append(operations, changes...); !ok || len(operations) > maxOperations {
				return nil, false
			}
		}
	}
	return operations, true
}

// changesOf has a subset's reservations, and how many slots are free, changed.
func changesOf(path string, before, after v1alpha1.WorkloadSpreadSubsetStatus) (operations []operation, ok bool) {
	if before.MissingReplicas != after.MissingReplicas {
		operations = append(operations, operation{Op: "add", Path: path + "/missingReplicas", Value: after.MissingReplicas})
	}
	path += "/creatingPods"
	was, is := before.CreatingPods, after.CreatingPods
	before.MissingReplicas, before.CreatingPods = after.MissingReplicas, is
	switch {
	case !reflect.DeepEqual(before, after):
		return nil, false
	case len(was) == 0 && len(is) > 0:
		return append(operations, operation{Op: "add", Path: path, Value: is}), true
	case len(was) > 0 && len(is) == 0:
		return append(operations, operation{Op: "remove", Path: path}), true
	default:
		return append(operations, keysChanged(path+"/", was, is)...), true
	}
}

func keysChanged(path string, was, is map[string]metav1.Time) (operations []operation) {
	stayed := 0
	for key, since := range is {
		before, there := was[key]
		if there {
			stayed++
		}
		if !there || !before.Time.Equal(since.Time) {
			operations = append(operations, operation{Op: "add", Path: path + token(key), Value: since})
		}
	}
	if stayed == len(was) {
		return operations
	}
	for key := range was {
		if _, stays := is[key]; !stays {
			operations = append(operations, operation{Op: "remove", Path: path + token(key)})
		}
	}
	return operations
}

// token is a key as part of a JSON pointer, RFC 6901.
func token(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }
