package remains

import (
	"strings"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// What tells ours from others'.
const (
	// ownSuffix ends the names of all webhooks of Spillway.
	ownSuffix = ".spillway.io"
	// ownPrefix begins the names of its Leases.
	ownPrefix = "spillway-"
	// volumeDriver is the CSI driver of volumes that stand for downstream claims.
	volumeDriver = "virtual-node.spillway.io"
	// provisionedBy on a volume names its provisioner; the key is Kubernetes' own.
	provisionedBy = "pv.kubernetes.io/provisioned-by"
)

// Helm's marks on what it installed, and on what it keeps all the same.
const (
	releaseAnnotation = "meta.helm.sh/release-name"
	policyAnnotation  = "helm.sh/resource-policy"
	policyKeep        = "keep"
)

// goes says that an object is removed with its Helm release, be it ours or not.
func goes(object metav1.Object) bool {
	annotations := object.GetAnnotations()
	return annotations[releaseAnnotation] != "" && annotations[policyAnnotation] != policyKeep
}

// isLease says that a Lease is one by which Spillway elects a leader.
func isLease(object metav1.Object) bool { return strings.HasPrefix(object.GetName(), ownPrefix) }

// isVolume says that a volume stands for a claim in a downstream cluster.
func isVolume(object metav1.Object) bool {
	return object.GetAnnotations()[provisionedBy] == api.Provisioner
}

// isConfiguration says that a webhook configuration is Spillway's.
func isConfiguration(mutating []admissionregistrationv1.MutatingWebhook, validating []admissionregistrationv1.ValidatingWebhook) bool {
	for i := range mutating {
		if strings.HasSuffix(mutating[i].Name, ownSuffix) {
			return true
		}
	}
	for i := range validating {
		if strings.HasSuffix(validating[i].Name, ownSuffix) {
			return true
		}
	}
	return false
}

// runs says that a pod has not ended.
func runs(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// isEvicted says that Kubernetes evicts the pod from a node that it takes for lost.
// Of the tolerations that fit, the first one decides, see decision 0020.
func isEvicted(pod *corev1.Pod) bool {
	lost := &corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}
	for i := range pod.Spec.Tolerations {
		if pod.Spec.Tolerations[i].ToleratesTaint(logr.Discard(), lost, false) {
			return pod.Spec.Tolerations[i].TolerationSeconds != nil
		}
	}
	return true
}
