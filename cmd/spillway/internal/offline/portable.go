package offline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/portability"
)

// addStorage takes note of claims, their classes and volumes.
func (s *Scene) addStorage(objects []manifest.Object, opts Options) error {
	var errs []error
	for _, object := range objects {
		var err error
		switch object.APIVersion + " " + object.Kind {
		case "v1 PersistentVolumeClaim":
			claim := corev1.PersistentVolumeClaim{}
			_, err = object.Decode(&claim)
			claim.Namespace = cmp.Or(claim.Namespace, opts.Namespace)
			s.Storage.Claims = append(s.Storage.Claims, claim)
		case "v1 PersistentVolume":
			volume := corev1.PersistentVolume{}
			_, err = object.Decode(&volume)
			s.Storage.Volumes = append(s.Storage.Volumes, volume)
		case "storage.k8s.io/v1 StorageClass":
			class := storagev1.StorageClass{}
			_, err = object.Decode(&class)
			s.Storage.Classes = append(s.Storage.Classes, class)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// claimsOf are the claims that a workload's controller makes for a pod.
func claimsOf(pod *corev1.Pod, templates []corev1.PersistentVolumeClaim) []corev1.PersistentVolumeClaim {
	var claims []corev1.PersistentVolumeClaim
	for i := range templates {
		claim := templates[i].DeepCopy()
		claim.Namespace, claim.Name = pod.Namespace, templates[i].Name+"-"+pod.Name
		claims = append(claims, *claim)
	}
	return claims
}

// Critic judges admitted pods by what the virtual node and its downstream cluster
// would make of them. It says the same of the pods of one workload only once.
type Critic struct {
	Node VirtualNode
	// Storage is that of the Scene.
	Storage portability.Storage
	said    map[string]bool
}

// Judge returns a line for each thing of a pod that will not be downstream what it is
// upstream. Pods that do not go to a virtual node have none.
func (c *Critic) Judge(r Result) ([]string, error) {
	if !r.Virtual {
		return nil, nil
	}
	pod, err := typed(r.After)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Position, err)
	}
	var lines []string
	for _, w := range c.warnings(pod, r.claims) {
		class := "warning"
		if w.Unsure {
			class = "not judged"
		}
		if key := r.Position.String() + w.Field + w.Fix; !c.said[key] {
			if c.said == nil {
				c.said = make(map[string]bool)
			}
			c.said[key] = true
			lines = append(lines, Message(r.Position, "Pod", r.Namespace+"/"+r.Name, class, w.String()))
		}
	}
	return lines, nil
}

func (c *Critic) warnings(upstream *corev1.Pod, claims []corev1.PersistentVolumeClaim) []portability.Warning {
	name := cmp.Or(c.Node.Name, upstream.Spec.NodeName, DefaultNode)
	bound := upstream.DeepCopy()
	plan := c.Node.plan(bound, name)
	switch {
	case plan.Create == nil && plan.Row == pods.RowUnroutable:
		return c.elsewhere(upstream, plan)
	case plan.Create == nil:
		return []portability.Warning{{Field: "metadata.annotations", Text: "the virtual node refuses the pod: " + refusal(plan), Fix: "change what the reason names"}}
	}
	known := c.Storage
	known.Claims = slices.Concat(claims, known.Claims)
	known.Mapped = c.Node.Rules.StorageClasses
	known.Node, known.Named = c.Node.identify(name).Rules.Node.Labels, c.Node.Name != "" || upstream.Spec.NodeName != ""
	return slices.Concat(
		portability.Judge(plan.Create, upstream, c.Node.Inventory),
		portability.OfNotes(plan.Notes),
		portability.JudgeClaims(upstream, known, c.Node.Inventory),
	)
}

// elsewhere is about a pod that is for a virtual node with other labels. What no
// downstream cluster is asked for holds there too.
func (c *Critic) elsewhere(upstream *corev1.Pod, plan pods.Action) []portability.Warning {
	warnings := portability.Judge(upstream, upstream, portability.Inventory{})
	if c.Node.Inventory.Kind == "" {
		return warnings
	}
	return append(warnings, portability.Warning{
		Field: "spec.affinity", Text: "the pod is for another virtual node than the one it was to be judged for: " + refusal(plan),
		Fix: "give the labels of its virtual node with --node-labels", Unsure: true,
	})
}
