package workload

import (
	"context"
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/spillway-io/spillway/webhook/spread"
)

// Wanted returns how many pods the direct controllers of pods want, by the
// version of those pods. It is missing where it is not known, which is so unless
// live for kinds that no cache has, since it is not worth a request then.
func (r *Reader) Wanted(ctx context.Context, ws *v1alpha1.WorkloadSpread, pods []*corev1.Pod, live bool) (map[string]int, error) {
	wanted := map[string]int{}
	for version, owner := range soleControllers(ws, pods) {
		kind, cached := cachedKind(owner.GroupKind)
		if !cached && !live {
			continue
		}
		if !cached {
			kind = schema.FromAPIVersionAndKind(ws.Spec.TargetReference.APIVersion, owner.Kind)
		}
		workload, err := r.workload(ctx, ws.Namespace, owner, kind, live)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read %s %q: %w", owner.Kind, owner.Name, err)
		}
		if workload.GetUID() != owner.UID {
			continue
		}
		if n, known := r.wishes.most(workload); known {
			wanted[version] = n
		}
	}
	return wanted, nil
}

// soleControllers returns the controller of each version's pods, if it is the
// only one, and of a kind that is known to create no more pods than it wants.
func soleControllers(ws *v1alpha1.WorkloadSpread, pods []*corev1.Pod) map[string]spread.Owner {
	owners := map[string]spread.Owner{}
	for _, pod := range pods {
		version := spread.VersionOf(ws, pod)
		owner, ok := spread.ControllerOf(pod)
		// Under one version for all, the pods of other controllers count too.
		sole := ok && spread.IsKnown(owner.GroupKind) && (version != spread.VersionIgnored || spread.Targets(ws, owner))
		if before, seen := owners[version]; !sole || seen && before.UID != owner.UID {
			owner = spread.Owner{}
		}
		owners[version] = owner
	}
	for version, owner := range owners {
		if owner.Name == "" {
			delete(owners, version)
		}
	}
	return owners
}
