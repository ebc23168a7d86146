package portability

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// classes are what a pod names of a cluster: its priority, runtime and scheduler.
func classes(pod, upstream *corev1.Pod, inv Inventory) []Warning {
	var warnings []Warning
	class := upstream.Spec.PriorityClassName
	switch {
	case class == "":
	case strings.HasPrefix(class, "system-"):
		warnings = append(warnings, Warning{
			Field: "spec.priorityClassName",
			Text:  fmt.Sprintf("PriorityClass %q is for components of the downstream cluster itself: the pod has the default priority there", class),
			Fix:   "use a PriorityClass of your own, and create it in both clusters",
		})
	case inv.Has(PriorityClasses) && !slices.Contains(inv.PriorityClasses, class):
		warnings = append(warnings, Warning{
			Field: "spec.priorityClassName",
			Text:  fmt.Sprintf("the downstream cluster has no PriorityClass %q: the pod has the default priority there", class),
			Fix:   fmt.Sprintf("kubectl create priorityclass %s --value=NUMBER, in the downstream cluster", class),
		})
	}
	if class := pod.Spec.RuntimeClassName; class != nil && *class != "" && inv.Has(RuntimeClasses) && !slices.Contains(inv.RuntimeClasses, *class) {
		warnings = append(warnings, Warning{
			Field: "spec.runtimeClassName",
			Text:  fmt.Sprintf("the downstream cluster has no RuntimeClass %q, and refuses the pod", *class),
			Fix:   "create it there, or give the virtual node --runtime-class-map with one that is there",
		})
	}
	if scheduler := upstream.Spec.SchedulerName; scheduler != "" && scheduler != corev1.DefaultSchedulerName && pod.Spec.SchedulerName == "" {
		warnings = append(warnings, Warning{
			Field: "spec.schedulerName",
			Text:  fmt.Sprintf("scheduler %q is not asked downstream: the default scheduler of that cluster places the pod", scheduler),
			Fix:   "give the virtual node --scheduler-map, if the downstream cluster has such a scheduler",
		})
	}
	return warnings
}

// account is what a pod may do with a Kubernetes API.
func account(pod, upstream *corev1.Pod, inv Inventory) []Warning {
	if name := pod.Spec.ServiceAccountName; name != "" {
		return accountThere(pod, name, inv)
	}
	name := upstream.Spec.ServiceAccountName
	mounts := upstream.Spec.AutomountServiceAccountToken == nil || *upstream.Spec.AutomountServiceAccountToken
	none := pod.Annotations[api.APIAccessAnnotation] == string(translate.AccessNone)
	if name == "" || name == "default" || !mounts || !none {
		return nil
	}
	return []Warning{{
		Field: "spec.serviceAccountName",
		Text:  fmt.Sprintf("the pod gets no token of ServiceAccount %q: its access to Kubernetes APIs is %q", name, translate.AccessNone),
		Fix: fmt.Sprintf("annotate the pod %s: upstream, where the virtual node's --pod-api-access allows it, or say that it needs none: automountServiceAccountToken: false",
			api.APIAccessAnnotation),
	}}
}

// accountThere is about a pod that is to have the downstream ServiceAccount of the
// name.
func accountThere(pod *corev1.Pod, name string, inv Inventory) []Warning {
	if !inv.Has(Namespaces) || !inv.Has(ServiceAccounts) {
		return nil
	}
	// A namespace that is not there gets the ServiceAccount "default" with itself.
	namespace, there := inv.namespace(pod.Namespace)
	if slices.Contains(namespace.ServiceAccounts, name) || !there && name == "default" {
		return nil
	}
	return []Warning{{
		Field: "spec.serviceAccountName",
		Text:  fmt.Sprintf("the downstream namespace %q has no ServiceAccount %q, and the downstream cluster refuses the pod", pod.Namespace, name),
		Fix:   fmt.Sprintf("kubectl create serviceaccount %s -n %s, in the downstream cluster", name, pod.Namespace),
	}}
}

// devices are those of dynamic resource allocation.
func devices(pod *corev1.Pod) []Warning {
	var warnings []Warning
	for i, claim := range pod.Spec.ResourceClaims {
		warnings = append(warnings, Warning{
			Field: fmt.Sprintf("spec.resourceClaims[%d]", i),
			Text:  fmt.Sprintf("the devices of claim %q are allocated by the upstream scheduler, to which a virtual node offers none, and claims are not brought downstream", claim.Name),
			Fix:   "request an extended resource that downstream nodes have, as in nvidia.com/gpu: 1",
		})
	}
	return warnings
}
