package webhook

import (
	"context"
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// SidecarSetDefaulter writes into SidecarSets what their authors need not say, so
// that a default which follows from an image does not change with it. It
// implements controller-runtime's admission.Handler.
type SidecarSetDefaulter struct{}

// Handle answers one request.
func (SidecarSetDefaulter) Handle(ctx context.Context, req admission.Request) admission.Response {
	return defaultPolicy(ctx, req, sidecarSets, func(set, old *v1alpha1.SidecarSet) *v1alpha1.SidecarSet {
		if old == nil {
			return sidecar.Default(set)
		}
		return sidecar.DefaultUpdate(set, old)
	})
}

// sidecarReader reads what a SidecarSet is judged by. It asks the API server, for
// the reasons of policyReader.
type sidecarReader struct {
	live client.Reader
	// ownNamespace has our ConfigMap and the revisions of sets; if it is empty there
	// are neither.
	ownNamespace string
}

func (r sidecarReader) SidecarSets(ctx context.Context) ([]v1alpha1.SidecarSet, error) {
	list := &v1alpha1.SidecarSetList{}
	if err := r.live.List(ctx, list); err != nil {
		return nil, fmt.Errorf("cannot list SidecarSets: %w", err)
	}
	return list.Items, nil
}

// Whitelist allows what our whitelist or Kruise's does. One that cannot be parsed
// allows nothing, since nobody knows what it was meant to forbid.
func (r sidecarReader) Whitelist(ctx context.Context) (whitelist sidecar.Whitelist, warnings []string, err error) {
	for _, from := range []client.ObjectKey{
		{Namespace: r.ownNamespace, Name: sidecar.WhitelistConfigMap},
		{Namespace: sidecar.KruiseNamespace, Name: sidecar.KruiseWhitelistConfigMap},
	} {
		if from.Namespace == "" {
			continue
		}
		config := &corev1.ConfigMap{}
		if err := r.live.Get(ctx, from, config); apierrors.IsNotFound(err) {
			continue
		} else if err != nil {
			return sidecar.Whitelist{}, nil, fmt.Errorf("cannot get ConfigMap %s: %w", from, err)
		}
		parsed, err := sidecar.ParseWhitelist(config.Data[sidecar.WhitelistKey])
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("ConfigMap %s, key %s, allows no annotation: %v", from, sidecar.WhitelistKey, err))
			continue
		}
		whitelist = whitelist.Or(parsed)
	}
	return whitelist, warnings, nil
}

func (r sidecarReader) Revisions(ctx context.Context, set string) ([]*appsv1.ControllerRevision, error) {
	if r.ownNamespace == "" {
		return nil, nil
	}
	list := &appsv1.ControllerRevisionList{}
	if err := r.live.List(ctx, list, client.InNamespace(r.ownNamespace), client.MatchingLabels{api.SidecarSetNameLabel: set}); err != nil {
		return nil, fmt.Errorf("cannot list the ControllerRevisions of SidecarSet %q: %w", set, err)
	}
	revisions := make([]*appsv1.ControllerRevision, len(list.Items))
	for i := range list.Items {
		revisions[i] = &list.Items[i]
	}
	return revisions, nil
}
