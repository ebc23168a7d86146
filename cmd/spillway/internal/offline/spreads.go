package offline

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook/spread"
)

// spreadsKind is the kind of WorkloadSpreads. Of an input without any, nothing
// is read that only they need.
const spreadsKind = "WorkloadSpread"

// readSpreads returns the WorkloadSpreads of the input in its order, with their
// defaults. The error joins the *manifest.Error of those that do not decode.
func (s *Scene) readSpreads(objects []manifest.Object, opts Options) ([]*spreading, error) {
	var (
		read []*spreading
		errs []error
	)
	for _, object := range objects {
		kind := schema.FromAPIVersionAndKind(object.APIVersion, object.Kind)
		if kind.Kind != spreadsKind || kind.Group != v1alpha1.GroupVersion.Group {
			continue
		}
		if kind.Version != v1alpha1.GroupVersion.Version {
			name, _ := objectAt(object.Content, "metadata")["name"].(string)
			s.warn(object, name, fmt.Sprintf("left out: WorkloadSpreads of apiVersion %s are not known", object.APIVersion))
			continue
		}
		one, err := s.readSpread(object, opts)
		if err != nil {
			errs = append(errs, err)
		} else if one.object.DeletionTimestamp == nil {
			read = append(read, one)
		}
	}
	return read, errors.Join(errs...)
}

func (s *Scene) readSpread(object manifest.Object, opts Options) (*spreading, error) {
	ws := &v1alpha1.WorkloadSpread{}
	unknown, err := object.Decode(ws)
	if err != nil {
		return nil, err
	}
	if ws.Name == "" && ws.GenerateName == "" {
		return nil, &manifest.Error{Position: object.Position, Field: "metadata.name", Err: errors.New("must be set")}
	}
	ws.Namespace = cmp.Or(ws.Namespace, opts.Namespace)
	if ws.Name == "" {
		ws.Name = s.World.generateName(object.Kind, &ws.ObjectMeta)
	}
	// Reservations are for pods that are not to be seen yet; the input says it all.
	ws.Status.VersionedSubsetStatuses = nil
	read := &spreading{
		position: object.Position, object: spread.Default(ws),
		before: map[string]int{}, admitted: map[string]int{},
	}
	for _, problem := range unknown {
		s.Warnings = append(s.Warnings, read.message("warning", problem))
	}
	return read, nil
}

// accept takes the WorkloadSpreads into the world, one after the other, but for
// those that the validating webhook would refuse.
func (s *Scene) accept(read []*spreading, nodes []*corev1.Node) {
	var accepted []v1alpha1.WorkloadSpread
	for _, r := range read {
		known := spread.Known{Others: accepted}
		known.Template, known.Claims = s.World.workloads.template(r.object)
		refused := spread.Validate(r.object, known)
		if slices.ContainsFunc(accepted, func(ws v1alpha1.WorkloadSpread) bool {
			return ws.Namespace == r.object.Namespace && ws.Name == r.object.Name
		}) {
			refused = append(refused, field.Duplicate(field.NewPath("metadata", "name"), r.object.Name))
		}
		s.Policies++
		if len(refused) > 0 {
			s.RefusedPolicies++
			for _, err := range refused {
				s.Warnings = append(s.Warnings, r.message("refused", err.Error()))
			}
			continue
		}
		warnings := spread.Warnings(r.object)
		virtual, doubts := spread.VirtualSubsets(r.object, nodes)
		for _, warning := range slices.Concat(warnings, doubts) {
			s.Warnings = append(s.Warnings, r.message("warning", warning))
		}
		r.virtual, r.cordoned = virtual, spread.CordonedSubsets(r.object, virtual, nodes)
		accepted = append(accepted, *r.object)
		s.World.spreads = append(s.World.spreads, r)
	}
}

// readNodes returns the nodes of the input, as far as subsets are judged by them.
func readNodes(objects []manifest.Object) ([]*corev1.Node, error) {
	var (
		nodes []*corev1.Node
		errs  []error
	)
	for _, object := range objects {
		if object.APIVersion != "v1" || object.Kind != "Node" {
			continue
		}
		node := &metav1.PartialObjectMetadata{}
		if _, err := object.Decode(node); err != nil {
			errs = append(errs, err)
		}
		unschedulable, _ := objectAt(object.Content, "spec")["unschedulable"].(bool)
		nodes = append(nodes, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels},
			Spec:       corev1.NodeSpec{Unschedulable: unschedulable},
		})
	}
	return nodes, errors.Join(errs...)
}

// open prepares the counting: which pods there are, and how many each target
// wants.
func (w World) open(existing []*corev1.Pod, subjects []Subject) {
	for _, pod := range existing {
		w.enter(pod)
	}
	asked := map[*spreading]map[string]int{}
	for _, subject := range subjects {
		if s, err := w.spreadOf(subject.Pod); err == nil && s != nil {
			if asked[s] == nil {
				asked[s] = map[string]int{}
			}
			asked[s][spread.VersionOf(s.object, subject.Pod)]++
		}
	}
	for _, s := range w.spreads {
		s.target = w.target(s.object, s.countBefore(asked[s]))
	}
}

// countBefore counts the pods that are there, of the versions that are asked for.
// It returns how many pods there will be of the one that has most.
func (s *spreading) countBefore(asked map[string]int) (most int) {
	pods := maps.Clone(asked)
	for _, pod := range s.pods {
		version := spread.VersionOf(s.object, pod)
		if !spread.IsActive(pod) || asked[version] == 0 {
			continue
		}
		pods[version]++
		if subset := s.subsetOf(pod); subset != "" {
			s.before[subset]++
		}
	}
	for _, n := range pods {
		most = max(most, n)
	}
	return most
}

// target returns what the target of ws wants. Its controller has no more pods than
// that, so where there will be more, it wants as many as there will be.
func (w World) target(ws *v1alpha1.WorkloadSpread, pods int) spread.Target {
	workload, ok := w.workloads.targetOf(ws)
	if !ok {
		return spread.Target{}
	}
	target := spread.TargetOf(ws, workload)
	switch {
	case target.Replicas == nil && target.ReplicasErr == nil:
		target.ReplicasErr = fmt.Errorf("a percentage needs the replicas of %s %q, which are not in its spec.replicas: set spec.targetFilter.replicasPathList; scale subresources are not known offline",
			workload.GetKind(), workload.GetName())
	case target.Replicas != nil && !spread.IsOrdinal(ws, target):
		target.Replicas = new(max(*target.Replicas, int32(pods)))
	}
	return target
}
