package translate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
)

// StillPreparing says whether the later of two statuses of one pod tells nothing
// but how a kubelet gets on with preparing it: the sandbox is there, the pod has its
// addresses. Nobody waits for that; what comes next says it again.
func StillPreparing(before, after *corev1.PodStatus) bool {
	if before.Phase != corev1.PodPending || after.Phase != corev1.PodPending {
		return false
	}
	rest := *after
	rest.HostIP, rest.HostIPs, rest.PodIP, rest.PodIPs = before.HostIP, before.HostIPs, before.PodIP, before.PodIPs
	rest.Conditions = withoutSandbox(after.Conditions)
	known := *before
	known.Conditions = withoutSandbox(before.Conditions)
	return apiequality.Semantic.DeepEqual(&known, &rest)
}

func withoutSandbox(conditions []corev1.PodCondition) []corev1.PodCondition {
	return slices.DeleteFunc(slices.Clone(conditions), func(c corev1.PodCondition) bool { return c.Type == corev1.PodReadyToStartContainers })
}
