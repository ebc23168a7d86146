package offline

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/openkruise/kruise-api/apps/v1alpha1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook/spread"
)

// maxOwners bounds how many owners of owners are looked at, as in a cluster:
// owner references can be a circle.
const maxOwners = 5

// workloads are the objects that can stand above pods, by what owner references
// say of them.
type workloads map[workloadKey]*unstructured.Unstructured

type workloadKey struct {
	namespace string
	schema.GroupKind
	name string
}

func (w workloads) add(namespace string, object *unstructured.Unstructured) {
	w[workloadKey{namespace, object.GroupVersionKind().GroupKind(), object.GetName()}] = object
}

func (w workloads) get(namespace string, owner spread.Owner) (object *unstructured.Unstructured, ok bool) {
	object, ok = w[workloadKey{namespace, owner.GroupKind, owner.Name}]
	return object, ok
}

// above returns the owners of a pod, from the one that controls it upwards.
func (w workloads) above(pod *corev1.Pod) []spread.Owner {
	var owners []spread.Owner
	owner, ok := spread.ControllerOf(pod)
	for ok && len(owners) < maxOwners {
		owners = append(owners, owner)
		object, known := w.get(pod.Namespace, owner)
		if !known {
			break
		}
		owner, ok = spread.ControllerOf(object)
	}
	return owners
}

// borne says whether the template of the pod's controller carries the same
// matched annotation as the pod. Like the webhook, it knows the templates of
// Kubernetes' own workloads only.
func (w workloads) borne(pod *corev1.Pod) bool {
	value, has := pod.Annotations[api.MatchedWorkloadSpreadAnnotation]
	owner, ok := spread.ControllerOf(pod)
	if !has || !ok || owner.Group != appsv1.GroupName && owner.Group != batchv1.GroupName {
		return false
	}
	controller, known := w.get(pod.Namespace, owner)
	if !known {
		return false
	}
	annotations := objectAt(controller.Object, "spec", "template", "metadata", "annotations")
	return annotations[api.MatchedWorkloadSpreadAnnotation] == value
}

// template returns the pod template of the workload that ws targets and the names
// of its volume claim templates, as far as they are where everybody knows.
func (w workloads) template(ws *v1alpha1.WorkloadSpread) (template *corev1.PodTemplateSpec, claims []string) {
	target, ok := w.targetOf(ws)
	if !ok {
		return nil, nil
	}
	switch target.GroupVersionKind().Group {
	case appsv1.GroupName, batchv1.GroupName, v1alpha1.GroupVersion.Group:
	default:
		return nil, nil
	}
	content, found := objectAt(target.Object, "spec")["template"].(map[string]any)
	if !found {
		return nil, nil
	}
	template = &corev1.PodTemplateSpec{}
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, template) != nil {
		return nil, nil // That of a kind nobody reads here; of others it was read before.
	}
	listed, _ := objectAt(target.Object, "spec")["volumeClaimTemplates"].([]any)
	for _, claim := range listed {
		if content, isObject := claim.(map[string]any); isObject {
			name, _ := objectAt(content, "metadata")["name"].(string)
			claims = append(claims, name)
		}
	}
	return template, claims
}

func (w workloads) targetOf(ws *v1alpha1.WorkloadSpread) (object *unstructured.Unstructured, ok bool) {
	if ws.Spec.TargetReference == nil {
		return nil, false
	}
	return w.get(ws.Namespace, spread.Owner{GroupKind: spread.TargetKind(ws), Name: ws.Spec.TargetReference.Name})
}

// addAll takes note of every object of the input.
func (w workloads) addAll(objects []manifest.Object, candidates []candidate, opts Options) {
	for _, object := range objects {
		known := &unstructured.Unstructured{Object: object.Content}
		namespace := known.GetNamespace()
		if namespace == "" {
			namespace = opts.Namespace
		}
		w.add(namespace, known)
	}
	for _, c := range candidates {
		if c.pod == nil && c.meta.GenerateName != "" {
			named := (&unstructured.Unstructured{Object: c.object.Content}).DeepCopy()
			named.SetName(c.meta.Name)
			w.add(c.meta.Namespace, named)
		}
	}
}

// addMade takes note of the workload that a workload's controller makes between
// itself and its pods: the ReplicaSet of a Deployment, the Job of a CronJob.
func (w workloads) addMade(c candidate, r recipe) {
	owner := r.controller
	if owner.Kind == c.object.Kind {
		return
	}
	gvk := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind)
	if _, there := w[workloadKey{c.meta.Namespace, gvk.GroupKind(), owner.Name}]; there {
		return
	}
	made := &unstructured.Unstructured{Object: map[string]any{"spec": objectAt(c.object.Content, c.template[:len(c.template)-1]...)}}
	made.SetGroupVersionKind(gvk)
	made.SetName(owner.Name)
	made.SetNamespace(c.meta.Namespace)
	made.SetUID(owner.UID)
	made.SetOwnerReferences([]metav1.OwnerReference{
		controlledBy(schema.FromAPIVersionAndKind(c.object.APIVersion, c.object.Kind), c.meta),
	})
	w.add(c.meta.Namespace, made)
}

// rolledOut returns the ReplicaSet that a Deployment's pods come from next, if
// it stands in the input: its own, with the same template.
func (w workloads) rolledOut(c candidate) (replicaSet *unstructured.Unstructured, ok bool) {
	deployment := schema.GroupKind{Group: appsv1.GroupName, Kind: "Deployment"}
	if schema.FromAPIVersionAndKind(c.object.APIVersion, c.object.Kind).GroupKind() != deployment {
		return nil, false
	}
	wanted := withoutHash(objectAt(c.object.Content, c.template...))
	for key, object := range w {
		if key.namespace != c.meta.Namespace || key.Group != appsv1.GroupName || key.Kind != "ReplicaSet" || hashOf(object) == "" {
			continue
		}
		owner, owned := spread.ControllerOf(object)
		if !owned || owner.GroupKind != deployment || owner.Name != c.meta.Name {
			continue
		}
		same := equality.Semantic.DeepEqual(withoutHash(objectAt(object.Object, "spec", "template")), wanted)
		// Of several, one is as good as another; it must be the same one always.
		if same && (!ok || object.GetName() < replicaSet.GetName()) {
			replicaSet, ok = object, true
		}
	}
	return replicaSet, ok
}

func hashOf(replicaSet *unstructured.Unstructured) string {
	return replicaSet.GetLabels()[appsv1.DefaultDeploymentUniqueLabelKey]
}

// withoutHash returns a pod template as the Deployment has it.
func withoutHash(template map[string]any) map[string]any {
	plain := runtime.DeepCopyJSON(template)
	delete(objectAt(plain, "metadata", "labels"), appsv1.DefaultDeploymentUniqueLabelKey)
	return plain
}
