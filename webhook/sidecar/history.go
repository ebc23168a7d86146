package sidecar

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	"github.com/spillway-io/spillway/api"
)

// revisionSpec is what a revision has of a set's spec. A patch of all of it was
// Kruise's idea of how to restore it, which is why it says so.
type revisionSpec struct {
	Patch            string                                `json:"$patch"`
	Containers       []v1alpha1.SidecarContainer           `json:"containers"`
	ImagePullSecrets []corev1.LocalObjectReference         `json:"imagePullSecrets"`
	InitContainers   []v1alpha1.SidecarContainer           `json:"initContainers"`
	PatchPodMetadata []v1alpha1.SidecarSetPatchPodMetadata `json:"patchPodMetadata"`
	Volumes          []corev1.Volume                       `json:"volumes"`
}

// RevisionData is the content of the set's revision: what is put into pods, and
// nothing of how it gets there. It is Kruise's, byte for byte, if the set has its
// defaults.
func RevisionData(set *v1alpha1.SidecarSet) ([]byte, error) {
	typed, err := json.Marshal(revisionSpec{
		Patch:            "replace",
		Containers:       set.Spec.Containers,
		ImagePullSecrets: set.Spec.ImagePullSecrets,
		InitContainers:   set.Spec.InitContainers,
		PatchPodMetadata: set.Spec.PatchPodMetadata,
		Volumes:          set.Spec.Volumes,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot encode a revision of %q: %w", set.Name, err)
	}
	// Once more, with all keys sorted.
	var spec map[string]any
	if err := json.Unmarshal(typed, &spec); err != nil {
		return nil, fmt.Errorf("cannot encode a revision of %q: %w", set.Name, err)
	}
	for key, value := range spec {
		// Fields that a set does not have are null in a revision, also if they are
		// empty lists.
		if list, ok := value.([]any); ok && len(list) == 0 {
			spec[key] = nil
		}
	}
	data, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return nil, fmt.Errorf("cannot encode a revision of %q: %w", set.Name, err)
	}
	return data, nil
}

// Restore returns live with what the revision's data says is put into pods.
// Selectors and strategies stay those of live. Data with fields that this version
// does not know is refused.
func Restore(live *v1alpha1.SidecarSet, data []byte) (*v1alpha1.SidecarSet, error) {
	var content struct {
		Spec *revisionSpec `json:"spec"`
	}
	unknown, err := kjson.UnmarshalStrict(data, &content)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot decode the revision: %w", err)
	case len(unknown) > 0:
		return nil, fmt.Errorf("this version of Spillway does not know: %s", joined(unknown))
	case content.Spec == nil:
		return nil, fmt.Errorf("the revision has no spec")
	}
	restored := live.DeepCopy()
	restored.Spec.Containers = content.Spec.Containers
	restored.Spec.ImagePullSecrets = content.Spec.ImagePullSecrets
	restored.Spec.InitContainers = content.Spec.InitContainers
	restored.Spec.PatchPodMetadata = content.Spec.PatchPodMetadata
	restored.Spec.Volumes = content.Spec.Volumes
	return restored, nil
}

// HistoryPlan is what has to be done so that the revisions of a set are as they
// should be.
type HistoryPlan struct {
	// Current is the revision that has the set's version, as it should be: with the
	// highest number, and with the set's custom version. It has no namespace if it
	// is to be created.
	Current *appsv1.ControllerRevision
	// Create and Update say what is to be done with it; if neither, nothing.
	Create, Update bool
	// Delete are the revisions that are too many, oldest first.
	Delete []*appsv1.ControllerRevision
	// Collisions is how often a name was taken already: the status' collisionCount.
	Collisions int32
}

// History compares the set with the revisions that exist with its name as label.
// inUse are the names of those that pods have; they are kept beyond the limit, as
// is what injectionStrategy.revision asks for.
func History(set *Set, existing []*appsv1.ControllerRevision, inUse map[string]bool) (HistoryPlan, error) {
	data, err := RevisionData(set.Object)
	if err != nil {
		return HistoryPlan{}, err
	}
	own := ownRevisions(set, existing)
	p := HistoryPlan{}
	if count := set.Object.Status.CollisionCount; count != nil {
		p.Collisions = *count
	}
	if i := lastWith(own, data); i >= 0 {
		p.Current = own[i].DeepCopy()
		own = slices.Delete(own, i, i+1)
		if next := nextNumber(own); p.Current.Revision < next {
			// An older version is back.
			p.Current.Revision, p.Update = next, true
		}
		p.Update = label(p.Current, set) || p.Update
	} else {
		p.Create = true
		p.Current = newRevision(set, data, nextNumber(own))
		for {
			p.Current.Name = revisionName(set.Name(), data, p.Collisions)
			if !slices.ContainsFunc(existing, func(r *appsv1.ControllerRevision) bool { return r.Name == p.Current.Name }) {
				break
			}
			p.Collisions++
		}
	}
	p.Delete = tooMany(set, own, p.Current, inUse)
	return p, nil
}

// ownRevisions leaves out those of a former set of that name, and returns the
// others in the order of their numbers.
func ownRevisions(set *Set, existing []*appsv1.ControllerRevision) []*appsv1.ControllerRevision {
	own := slices.DeleteFunc(slices.Clone(existing), func(r *appsv1.ControllerRevision) bool {
		owner := metav1.GetControllerOfNoCopy(r)
		return r.Labels[api.SidecarSetNameLabel] != set.Name() || owner != nil && owner.UID != set.Object.UID || r.DeletionTimestamp != nil
	})
	slices.SortFunc(own, func(a, b *appsv1.ControllerRevision) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), strings.Compare(a.Name, b.Name))
	})
	return own
}

// lastWith returns the index of the last revision with that content, -1 if there
// is none.
func lastWith(revisions []*appsv1.ControllerRevision, data []byte) int {
	var want any
	if json.Unmarshal(data, &want) != nil {
		return -1
	}
	for i, r := range slices.Backward(revisions) {
		var have any
		if json.Unmarshal(r.Data.Raw, &have) == nil && reflect.DeepEqual(want, have) {
			return i
		}
	}
	return -1
}

func nextNumber(sorted []*appsv1.ControllerRevision) int64 {
	if len(sorted) == 0 {
		return 1
	}
	return sorted[len(sorted)-1].Revision + 1
}

// label gives the revision the set's labels, and says whether it had to. A custom
// version that the set has no longer may still be asked for, and stays.
func label(r *appsv1.ControllerRevision, set *Set) bool {
	want := map[string]string{api.SidecarSetNameLabel: set.Name()}
	if version := set.Object.Labels[v1alpha1.SidecarSetCustomVersionLabel]; version != "" {
		want[v1alpha1.SidecarSetCustomVersionLabel] = version
	}
	changed := false
	for key, value := range want {
		changed = changed || r.Labels[key] != value
	}
	if changed {
		labels := maps.Clone(r.Labels)
		if labels == nil {
			labels = make(map[string]string, len(want))
		}
		maps.Copy(labels, want)
		r.Labels = labels
	}
	return changed
}

func newRevision(set *Set, data []byte, number int64) *appsv1.ControllerRevision {
	r := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			// They go when the set goes. Nothing has to wait for that.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "SidecarSet",
				Name: set.Name(), UID: set.Object.UID, Controller: new(true),
			}},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: number,
	}
	label(r, set)
	return r
}

func revisionName(set string, data []byte, collisions int32) string {
	hash := fnv.New32a()
	// A hash accepts everything.
	_, _ = fmt.Fprintf(hash, "%s%d", data, collisions)
	return fmt.Sprintf("%s-%08x", set, hash.Sum32())
}

// tooMany returns which of the older revisions are to be deleted, so that with
// the current one there are no more than the limit, if that many are not in use.
func tooMany(set *Set, older []*appsv1.ControllerRevision, current *appsv1.ControllerRevision, inUse map[string]bool) []*appsv1.ControllerRevision {
	limit := defaultHistory
	if asked := set.Object.Spec.RevisionHistoryLimit; asked != nil {
		limit = max(1, int(*asked))
	}
	pinned := ""
	if set.Object.Spec.InjectionStrategy.Revision != nil {
		// A set may ask for one that there is not.
		if r, err := revisionWanted(set.Object, append(slices.Clip(older), current)); err == nil {
			pinned = r.Name
		}
	}
	var remove []*appsv1.ControllerRevision
	for _, r := range older {
		if len(older)+1-len(remove) <= limit {
			break
		}
		if !inUse[r.Name] && r.Name != pinned {
			remove = append(remove, r)
		}
	}
	return remove
}
