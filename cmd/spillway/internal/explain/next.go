package explain

import (
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/spread"
)

// nextPod is the pod that the workload would create next, as its controller makes it;
// nil if there is no workload, or none that is known.
func (w world) nextPod() *corev1.Pod {
	if len(w.Owners) == 0 {
		return nil
	}
	maker := &w.Owners[0]
	kind, known := kindOf(maker.GroupVersionKind().GroupKind())
	if !known {
		return nil
	}
	template, found, err := unstructured.NestedMap(maker.Object, kind.template...)
	pod := &corev1.Pod{}
	if err != nil || !found || runtime.DefaultUnstructuredConverter.FromUnstructured(template, pod) != nil {
		return nil
	}
	pod.Namespace, pod.GenerateName = w.Asked.Namespace, maker.GetName()+"-"
	owner := metav1.OwnerReference{APIVersion: maker.GetAPIVersion(), Kind: maker.GetKind(), Name: maker.GetName(), UID: maker.GetUID(), Controller: new(true)}
	if kind.Kind == "Deployment" {
		if set := latest(maker, w.ReplicaSets); set != nil {
			owner = *metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
			pod.Labels = maps.Clone(pod.Labels)
			if pod.Labels == nil {
				pod.Labels = map[string]string{}
			}
			pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = set.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		}
	}
	pod.OwnerReferences = []metav1.OwnerReference{owner}
	w.number(pod, maker)
	return pod
}

// number gives a pod of a workload that numbers its pods the number of the one that
// is explained, or that a scale-out would create.
func (w world) number(pod *corev1.Pod, maker *unstructured.Unstructured) {
	switch {
	case maker.GetKind() == "StatefulSet" && w.Pod != nil:
		pod.Name = w.Pod.Name
	case maker.GetKind() == "StatefulSet":
		replicas, _, _ := unstructured.NestedInt64(maker.Object, "spec", "replicas")
		start, _, _ := unstructured.NestedInt64(maker.Object, "spec", "ordinals", "start")
		pod.Name = maker.GetName() + "-" + strconv.FormatInt(start+replicas, 10)
	case maker.GetKind() == "Job" && w.Pod != nil:
		if index, numbered := w.Pod.Annotations[indexAnnotation]; numbered {
			pod.Annotations = maps.Clone(pod.Annotations)
			if pod.Annotations == nil {
				pod.Annotations = map[string]string{}
			}
			pod.Annotations[indexAnnotation] = index
		}
	}
}

// indexAnnotation has the number of a pod of an indexed Job.
const indexAnnotation = "batch.kubernetes.io/job-completion-index"

// admission is what the webhook would do with a pod.
type admission struct {
	outcome  mutate.Outcome
	decision *spread.Decision
	accounts []spread.Account
	ledger   spread.Ledger
	// err is why the WorkloadSpread cannot be told.
	err error
}

// admit does what the webhook does, and records nothing.
func (w world) admit(pod *corev1.Pod) admission {
	in := mutate.Input{Pod: pod, Namespace: w.namespace, Create: true, Sidecars: w.sets, Key: w.Asked.Name, Now: w.Now}
	var a admission
	if ws, err := w.spreadOf(pod.Labels); ws != nil && mutate.Handles(in, w.policy) {
		if err != nil {
			a.decision = &spread.Decision{Spread: ws, Reason: spread.Failed, Err: err}
			a.err = err
		} else {
			a.ledger = w.ledger(ws)
			accounts, decision := a.ledger.Accounts(spread.Request{Pod: labelled(pod), UID: "explain", Borne: true})
			a.accounts, a.decision = accounts, &decision
		}
	}
	in.Spread = a.decision
	a.outcome = mutate.Admit(in, w.policy)
	return a
}

// asNew is a pod that exists, as if it were created now.
func asNew(pod *corev1.Pod) *corev1.Pod {
	fresh := *pod
	fresh.Status = corev1.PodStatus{}
	return &fresh
}

// labelled is the pod with its namespace's opt-in, as admission writes it.
func labelled(pod *corev1.Pod) *corev1.Pod {
	if isOptedIn(pod) {
		return pod
	}
	with := *pod
	with.Labels = maps.Clone(pod.Labels)
	if with.Labels == nil {
		with.Labels = map[string]string{}
	}
	with.Labels[api.OptInLabel] = api.OptedIn
	return &with
}

func isOptedIn(pod *corev1.Pod) bool { return pod.Labels[api.OptInLabel] == api.OptedIn }
