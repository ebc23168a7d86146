package workload

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/api"
)

// slimPod keeps of a pod what its subset, its owners, its scheduling and its
// sidecars can be told from.
func slimPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	pod.ManagedFields = nil
	var containers, initContainers []corev1.Container
	if _, sidecars := pod.Annotations[api.SidecarSetHashAnnotation]; sidecars {
		containers, initContainers = slimContainers(pod.Spec.Containers), slimContainers(pod.Spec.InitContainers)
	}
	pod.Spec = corev1.PodSpec{
		Containers:      containers,
		InitContainers:  initContainers,
		NodeName:        pod.Spec.NodeName,
		NodeSelector:    pod.Spec.NodeSelector,
		Affinity:        pod.Spec.Affinity,
		Tolerations:     pod.Spec.Tolerations,
		SchedulingGates: pod.Spec.SchedulingGates,
	}
	pod.Status = corev1.PodStatus{
		ObservedGeneration:    pod.Status.ObservedGeneration,
		Phase:                 pod.Status.Phase,
		Conditions:            pod.Status.Conditions,
		NominatedNodeName:     pod.Status.NominatedNodeName,
		InitContainerStatuses: pod.Status.InitContainerStatuses,
		ContainerStatuses:     pod.Status.ContainerStatuses,
	}
	return pod, nil
}

// slimContainers keeps what can be changed in a pod that runs, and what tells
// which containers that is about.
func slimContainers(containers []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, len(containers))
	for i := range containers {
		slim[i] = corev1.Container{Name: containers[i].Name, Image: containers[i].Image, RestartPolicy: containers[i].RestartPolicy}
	}
	return slim
}

// slimNode keeps of a node what pods are placed by.
func slimNode(object any) (any, error) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return object, nil
	}
	return &corev1.Node{
		TypeMeta: node.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, Labels: node.Labels,
			DeletionTimestamp: node.DeletionTimestamp,
		},
		Spec: corev1.NodeSpec{Taints: node.Spec.Taints, Unschedulable: node.Spec.Unschedulable},
	}, nil
}

// slimWorkload leaves out the template but for its annotations, which is most of
// a workload.
func slimWorkload(object any) (any, error) {
	workload, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	workload.SetManagedFields(nil)
	annotations := templateAnnotations(workload)
	unstructured.RemoveNestedField(workload.Object, "spec", "template")
	if len(annotations) > 0 {
		if err := unstructured.SetNestedStringMap(workload.Object, annotations, "spec", "template", "metadata", "annotations"); err != nil {
			return nil, err
		}
	}
	return workload, nil
}

func templateAnnotations(workload *unstructured.Unstructured) map[string]string {
	annotations, _, err := unstructured.NestedStringMap(workload.Object, "spec", "template", "metadata", "annotations")
	if err != nil {
		return nil
	}
	return annotations
}

// revisionOf is the revision that a Deployment and its ReplicaSets are at.
func revisionOf(workload *unstructured.Unstructured) string {
	return workload.GetAnnotations()["deployment.kubernetes.io/revision"]
}

// hashOf is the version of a ReplicaSet's pods.
func hashOf(replicaSet *unstructured.Unstructured) string {
	return replicaSet.GetLabels()[appsv1.DefaultDeploymentUniqueLabelKey]
}
