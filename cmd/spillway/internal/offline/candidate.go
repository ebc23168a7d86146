package offline

import (
	"fmt"
	"maps"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/openkruise/kruise-api/apps/v1beta1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook"
)

// candidate is an object that may give subjects: a Pod, or a workload.
type candidate struct {
	object manifest.Object
	meta   *metav1.ObjectMeta
	// pod is set for a Pod.
	pod *corev1.Pod
	// template is where a workload's content has its pod template.
	template []string
	// recipe is how a workload's controller makes a pod from the template.
	recipe func() recipe
}

// isSubjectKind says whether the kind's name is one of those that give subjects.
func isSubjectKind(kind string) bool {
	return slices.Contains([]string{"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "CloneSet"}, kind)
}

// decodeCandidate returns nil for objects that give no subjects.
func decodeCandidate(object manifest.Object) (c *candidate, unknown []string, err error) {
	c = &candidate{object: object, template: []string{"spec", "template"}}
	var target any
	switch object.APIVersion + " " + object.Kind {
	case "v1 Pod":
		pod := &corev1.Pod{}
		target, c.meta, c.pod = pod, &pod.ObjectMeta, pod
	case "apps/v1 Deployment":
		d := &appsv1.Deployment{}
		target, c.meta, c.recipe = d, &d.ObjectMeta, func() recipe { return deployment(d) }
	case "apps/v1 ReplicaSet":
		rs := &appsv1.ReplicaSet{}
		target, c.meta, c.recipe = rs, &rs.ObjectMeta, func() recipe { return replicaSet(rs) }
	case "apps/v1 StatefulSet":
		set := &appsv1.StatefulSet{}
		target, c.meta, c.recipe = set, &set.ObjectMeta, func() recipe { return statefulSet(set) }
	case "apps/v1 DaemonSet":
		ds := &appsv1.DaemonSet{}
		target, c.meta, c.recipe = ds, &ds.ObjectMeta, func() recipe { return daemonSet(ds) }
	case "batch/v1 Job":
		job := &batchv1.Job{}
		target, c.meta, c.recipe = job, &job.ObjectMeta, func() recipe { return jobRecipe(job) }
	case "batch/v1 CronJob":
		cron := &batchv1.CronJob{}
		target, c.meta, c.recipe = cron, &cron.ObjectMeta, func() recipe { return cronJob(cron) }
		c.template = []string{"spec", "jobTemplate", "spec", "template"}
	case "apps.kruise.io/v1alpha1 CloneSet":
		set := &v1alpha1.CloneSet{}
		target, c.meta, c.recipe = set, &set.ObjectMeta, func() recipe { return cloneSet(set) }
	case "apps.kruise.io/v1beta1 StatefulSet":
		set := &v1beta1.StatefulSet{}
		target, c.meta, c.recipe = set, &set.ObjectMeta, func() recipe { return advancedStatefulSet(set) }
	default:
		return nil, nil, nil
	}
	unknown, err = object.Decode(target)
	if err != nil {
		return nil, nil, err
	}
	return c, unknown, nil
}

// subjects returns the pod that the candidate is, or the first pods it makes.
// A workload that its controller makes in between becomes known to the others.
func (c candidate) subjects(replicas int, others workloads) ([]Subject, error) {
	if c.pod != nil {
		metadata := maps.Clone(objectAt(c.object.Content, "metadata"))
		metadata["namespace"] = c.pod.Namespace
		content := maps.Clone(c.object.Content)
		content["metadata"] = metadata
		return []Subject{{Position: c.object.Position, Pod: c.pod, content: content}}, nil
	}
	r := c.recipe()
	if rs, ok := others.rolledOut(c); ok {
		r = r.under(rs)
	}
	if others != nil {
		others.addMade(c, r)
	}
	if r.limit > 0 {
		replicas = min(replicas, r.limit)
	}
	var subjects []Subject
	for i := range replicas {
		subject, err := c.make(r, i)
		if err != nil {
			return nil, fmt.Errorf("%s: cannot make a pod: %w", c.object.Position, err)
		}
		subjects = append(subjects, subject)
	}
	return subjects, nil
}

// make returns the i-th pod of a workload. The controller's additions are found
// as a patch and applied to the template as written, which so keeps the fields
// that the Go types do not know.
func (c candidate) make(r recipe, i int) (Subject, error) {
	template := objectAt(c.object.Content, c.template...)
	metadata := map[string]any{"namespace": c.meta.Namespace}
	for _, key := range []string{"labels", "annotations", "finalizers"} {
		if value, ok := objectAt(template, "metadata")[key]; ok {
			metadata[key] = value
		}
	}
	content := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
	if spec, ok := template["spec"]; ok {
		content["spec"] = spec
	}
	plain, err := typed(content)
	if err != nil {
		return Subject{}, err
	}
	pod := plain.DeepCopy()
	pod.GenerateName = r.generateName
	pod.OwnerReferences = []metav1.OwnerReference{r.controller}
	r.finish(pod, i)
	raw, err := encode(content)
	if err != nil {
		return Subject{}, err
	}
	operations, err := webhook.Patch(raw, plain, pod)
	if err != nil {
		return Subject{}, err
	}
	content, err = apply(operations, content)
	if err != nil {
		return Subject{}, err
	}
	return Subject{Position: c.object.Position, Pod: pod, content: content, claims: claimsOf(pod, r.claims)}, nil
}

// objectAt returns the object at a path of names; an empty one if there is none.
func objectAt(content map[string]any, path ...string) map[string]any {
	for _, name := range path {
		content, _ = content[name].(map[string]any)
	}
	if content == nil {
		return map[string]any{}
	}
	return content
}

func typed(content map[string]any) (*corev1.Pod, error) {
	encoded, err := encode(content)
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(encoded, pod); err != nil {
		return nil, fmt.Errorf("cannot read the pod: %w", err)
	}
	return pod, nil
}
