package offline

import (
	"cmp"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/provider/portability"
)

// Options say how an input is to be understood.
type Options struct {
	// Namespace is that of objects which name none.
	Namespace string
	// Replicas is how many pods of each workload are subjects.
	Replicas int
}

// Scene is an input, arranged: a world and the pods that come into it.
type Scene struct {
	World    World
	Subjects []Subject
	// Warnings speak about objects of the input, as "POSITION: KIND NAME: warning: ...",
	// or ": refused: ..." for a policy object that is not let in.
	Warnings []string
	// Policies is how many WorkloadSpreads and SidecarSets there are in the input,
	// and RefusedPolicies how many of them are not let in.
	Policies, RefusedPolicies int
	// Storage is what the input says of the upstream cluster's storage.
	Storage portability.Storage
	// existing are the pods that exist already.
	existing []*corev1.Pod
}

// Subject is one pod that is to be admitted.
type Subject struct {
	// Position is where the pod, or its workload, stands in the input.
	Position manifest.Position
	// Pod is the pod as the webhook gets it. A pod that is to have its name
	// generated has none yet.
	Pod *corev1.Pod
	// content is the pod with those fields, too, that the Go types do not know.
	content map[string]any
	// claims are those that its workload's controller makes for it alone.
	claims []corev1.PersistentVolumeClaim
}

// Arrange sorts the objects into the world and the subjects. World objects count
// wherever they stand in the input. The error joins the *manifest.Error of all
// objects that do not decode.
func Arrange(objects []manifest.Object, opts Options) (Scene, error) {
	var (
		scene      = Scene{World: newWorld()}
		candidates []candidate
		errs       []error
	)
	for _, object := range objects {
		c, err := scene.read(object, opts)
		if err != nil {
			errs = append(errs, err)
		} else if c != nil {
			candidates = append(candidates, *c)
		}
	}
	if err := scene.spread(objects, candidates, opts); err != nil {
		errs = append(errs, err)
	}
	if err := scene.addSidecars(objects); err != nil {
		errs = append(errs, err)
	}
	if err := scene.addStorage(objects, opts); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return Scene{}, errors.Join(errs...)
	}
	for _, c := range subjectsAmong(candidates) {
		if c.pod != nil && scene.World.holds(c.pod) {
			scene.existing = append(scene.existing, c.pod)
			continue
		}
		made, err := c.subjects(opts.Replicas, scene.World.workloads)
		if err != nil {
			return Scene{}, err
		}
		scene.Subjects = append(scene.Subjects, made...)
	}
	scene.World.open(scene.existing, scene.Subjects)
	return scene, nil
}

// spread takes the WorkloadSpreads into the world, and with them all that has a
// say only through them.
func (s *Scene) spread(objects []manifest.Object, candidates []candidate, opts Options) error {
	read, err := s.readSpreads(objects, opts)
	if err != nil || len(read) == 0 {
		return err
	}
	nodes, err := readNodes(objects)
	if err != nil {
		return err
	}
	s.World.workloads = workloads{}
	s.World.workloads.addAll(objects, candidates, opts)
	s.accept(read, nodes)
	if len(s.World.spreads) == 0 {
		s.World.workloads = nil
	}
	return nil
}

// read takes an object of the world into the world, and returns one that may
// give subjects.
func (s *Scene) read(object manifest.Object, opts Options) (*candidate, error) {
	if object.APIVersion == "v1" && object.Kind == "Namespace" {
		return nil, s.World.addNamespace(object)
	}
	c, unknown, err := decodeCandidate(object)
	if err != nil {
		return nil, err
	}
	if c == nil {
		if isSubjectKind(object.Kind) {
			name, _ := objectAt(object.Content, "metadata")["name"].(string)
			s.warn(object, name, fmt.Sprintf("left out: pods of apiVersion %s are not known", object.APIVersion))
		}
		return nil, nil
	}
	if c.meta.Name == "" && c.meta.GenerateName == "" {
		return nil, &manifest.Error{Position: object.Position, Field: "metadata.name", Err: errors.New("must be set")}
	}
	if c.meta.Namespace == "" {
		c.meta.Namespace = opts.Namespace
	}
	if c.pod == nil && c.meta.Name == "" {
		c.meta.Name = s.World.generateName(object.Kind, c.meta)
	}
	for _, problem := range unknown {
		s.warn(object, c.meta.Namespace+"/"+cmp.Or(c.meta.Name, c.meta.GenerateName), problem)
	}
	if c.pod != nil && exists(c.pod) {
		s.existing = append(s.existing, c.pod)
		return nil, nil
	}
	return c, nil
}

func (s *Scene) warn(object manifest.Object, name, text string) {
	s.Warnings = append(s.Warnings, Message(object.Position, object.Kind, name, "warning", text))
}

// exists says that a pod was created and bound before: it has what only a
// cluster writes.
func exists(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" && (pod.UID != "" || pod.Status.Phase != "")
}

// subjectsAmong leaves out the workloads that stand in the input as owners: one
// whose own controller stands there too makes its pods for that one, and one
// that controls a subject has its pod in the input.
func subjectsAmong(candidates []candidate) []candidate {
	type key struct{ namespace, kind, name string }
	workloads := make(map[key]bool)
	owners := make(map[key]bool)
	for _, c := range candidates {
		if c.pod == nil {
			workloads[key{c.meta.Namespace, c.object.Kind, c.meta.Name}] = true
		} else if owner := metav1.GetControllerOfNoCopy(c.meta); owner != nil {
			owners[key{c.meta.Namespace, owner.Kind, owner.Name}] = true
		}
	}
	var subjects []candidate
	for _, c := range candidates {
		if c.pod == nil {
			owner := metav1.GetControllerOfNoCopy(c.meta)
			if owners[key{c.meta.Namespace, c.object.Kind, c.meta.Name}] ||
				owner != nil && workloads[key{c.meta.Namespace, owner.Kind, owner.Name}] {
				continue
			}
		}
		subjects = append(subjects, c)
	}
	return subjects
}
