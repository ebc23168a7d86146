package offline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// sidecarsKind is the kind of SidecarSets.
const sidecarsKind = "SidecarSet"

// injectionTime is when sidecars are injected, as their record in the pod says:
// an hour that nobody takes for a real one.
func injectionTime() time.Time { return time.Unix(0, 0).UTC() }

// addSidecars takes the SidecarSets of the input into the world, one after the
// other, but for those that the validating webhook would refuse, with the
// revisions that they may pin. The error joins the *manifest.Error of those
// objects that do not decode.
func (s *Scene) addSidecars(objects []manifest.Object) error {
	var (
		revisions []*appsv1.ControllerRevision
		accepted  []v1alpha1.SidecarSet
		errs      []error
	)
	for _, object := range objects {
		kind := schema.FromAPIVersionAndKind(object.APIVersion, object.Kind)
		switch {
		case kind.Group == appsv1.GroupName && kind.Kind == "ControllerRevision":
			revision := &appsv1.ControllerRevision{}
			if _, err := object.Decode(revision); err != nil {
				errs = append(errs, err)
			} else if revision.Labels[api.SidecarSetNameLabel] != "" {
				revisions = append(revisions, revision)
			}
		case kind.Group == v1alpha1.GroupVersion.Group && kind.Kind == sidecarsKind:
			set, err := s.readSidecars(object, accepted)
			if err != nil {
				errs = append(errs, err)
			} else if set != nil {
				accepted = append(accepted, *set)
			}
		}
	}
	for i := range accepted {
		s.World.sidecars = append(s.World.sidecars, sidecar.Compile(&accepted[i], nil).WithPinned(revisions))
	}
	slices.SortFunc(s.World.sidecars, func(a, b *sidecar.Set) int { return strings.Compare(a.Name(), b.Name()) })
	return errors.Join(errs...)
}

// readSidecars returns a SidecarSet, or nil if it is not let in.
func (s *Scene) readSidecars(object manifest.Object, others []v1alpha1.SidecarSet) (*v1alpha1.SidecarSet, error) {
	name, _ := objectAt(object.Content, "metadata")["name"].(string)
	if object.APIVersion != v1alpha1.GroupVersion.String() {
		s.warn(object, name, fmt.Sprintf("left out: SidecarSets of apiVersion %s are not known", object.APIVersion))
		return nil, nil
	}
	set := &v1alpha1.SidecarSet{}
	unknown, err := object.Decode(set)
	if err != nil {
		return nil, err
	}
	if set.Name == "" {
		return nil, &manifest.Error{Position: object.Position, Field: "metadata.name", Err: errors.New("must be set")}
	}
	if set.DeletionTimestamp != nil {
		return nil, nil
	}
	set = sidecar.Default(set)
	s.Policies++
	refused := unknown
	for _, err := range slices.Concat(sidecar.Validate(set), sidecar.Conflicts(set, others)) {
		refused = append(refused, err.Error())
	}
	if slices.ContainsFunc(others, func(other v1alpha1.SidecarSet) bool { return other.Name == set.Name }) {
		refused = append(refused, field.Duplicate(field.NewPath("metadata", "name"), set.Name).Error())
	}
	if len(refused) > 0 {
		s.RefusedPolicies++
		for _, reason := range refused {
			s.Warnings = append(s.Warnings, Message(object.Position, sidecarsKind, set.Name, "refused", reason))
		}
		return nil, nil
	}
	for _, warning := range sidecar.Warnings(set, nil) {
		s.warn(object, set.Name, warning)
	}
	return set, nil
}
