package sidecar

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/spillway-io/spillway/api"
)

// WithPinned returns the set with the version that its injectionStrategy.revision
// asks for, out of the revisions that there are of all sets. A set that asks for
// one that there is not cannot be injected.
func (s *Set) WithPinned(revisions []*appsv1.ControllerRevision) *Set {
	if s.Object.Spec.InjectionStrategy.Revision == nil {
		return s
	}
	pinned := &Set{Object: s.Object}
	if revision, err := revisionWanted(s.Object, revisions); err != nil {
		pinned.Err = err
	} else if restored, err := Restore(s.Object, revision.Data.Raw); err != nil {
		pinned.Err = fmt.Errorf("cannot restore the revision %q: %w", revision.Name, err)
	} else {
		// Nobody knows which version they are about.
		pinned = Compile(restored, s.unknown)
		pinned.Revision = revision.Name
	}
	result := *s
	result.Pinned = pinned
	return &result
}

// revisionWanted finds the revision that a set asks for. A name wins over a
// version; of several with one version, as a rollback leaves them, the latest
// counts.
func revisionWanted(set *v1alpha1.SidecarSet, revisions []*appsv1.ControllerRevision) (*appsv1.ControllerRevision, error) {
	wanted := set.Spec.InjectionStrategy.Revision
	own := slices.DeleteFunc(slices.Clone(revisions), func(r *appsv1.ControllerRevision) bool {
		if r.Labels[api.SidecarSetNameLabel] != set.Name {
			return true
		}
		if wanted.RevisionName != nil {
			return r.Name != *wanted.RevisionName
		}
		return wanted.CustomVersion == nil || r.Labels[v1alpha1.SidecarSetCustomVersionLabel] != *wanted.CustomVersion
	})
	switch {
	case len(own) > 0:
		return slices.MaxFunc(own, func(a, b *appsv1.ControllerRevision) int {
			return cmp.Or(cmp.Compare(a.Revision, b.Revision), strings.Compare(a.Name, b.Name))
		}), nil
	case wanted.RevisionName != nil:
		return nil, fmt.Errorf("spec.injectionStrategy.revision.revisionName: the set has no ControllerRevision %q", *wanted.RevisionName)
	case wanted.CustomVersion != nil:
		return nil, fmt.Errorf("spec.injectionStrategy.revision.customVersion: no ControllerRevision of the set has the label %s=%s", v1alpha1.SidecarSetCustomVersionLabel, *wanted.CustomVersion)
	}
	return nil, errors.New("spec.injectionStrategy.revision: neither revisionName nor customVersion is set")
}
