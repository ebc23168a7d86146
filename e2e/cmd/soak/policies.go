package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	corev1 "k8s.io/api/core/v1"
)

const (
	namespacePrefix = "soak-"
	// spreadApp has the label app of the Deployment's pods, bareApp of those without an
	// owner.
	spreadApp, bareApp = "spread", "bare"
	// cappedSubset may have capOf pods in a namespace.
	cappedSubset = "own"
	capOf        = 60
	// changeEvery is how often a policy changes.
	changeEvery = 10 * time.Second
)

// everywhere is the set that stays: new images of it are rolled out, one pod at a time.
const everywhere = `
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: everywhere}
spec:
  selector: {matchLabels: {soak: "true"}}
  namespaceSelector: {matchLabels: {soak: "true"}}
  updateStrategy: {partition: "90%", maxUnavailable: 1}
  containers:
  - {name: proxy, image: "proxy:1", imagePullPolicy: IfNotPresent, resources: {requests: {cpu: 1m}}, shareVolumePolicy: {type: enabled}}
`

// furniture is what each namespace, %[1]s, has. Pods keep the sidecar that they came
// with.
const furniture = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: %[1]s}
data: {MODE: fast}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: %[1]s}
stringData: {KEY: hidden}
---
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: only-%[1]s}
spec:
  namespace: %[1]s
  selector: {matchLabels: {soak: "true"}}
  updateStrategy: {type: NotUpdate}
  containers:
  - {name: shipper, image: "shipper:1", imagePullPolicy: IfNotPresent, resources: {requests: {cpu: 1m}}}
---
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: spread, namespace: %[1]s}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: spread}
  subsets:
  - {name: own, maxReplicas: %[2]d, requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [own]}]}}
  - name: virtual
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}
    patch: {metadata: {labels: {turn: "0"}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: spread, namespace: %[1]s}
spec:
  replicas: 0
  selector: {matchLabels: {app: spread}}
  template:
    metadata: {labels: {app: spread, soak: "true", virtual-pod: "true"}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: "app:1", resources: {requests: {cpu: 1m}}}]
`

// barePod is one that no WorkloadSpread targets.
func barePod(namespace, name string) *corev1.Pod {
	settings, keys := corev1.LocalObjectReference{Name: "settings"}, corev1.LocalObjectReference{Name: "keys"}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": bareApp, "soak": "true", "virtual-pod": "true"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(1)),
			Containers: []corev1.Container{{Name: "app", Image: "app:1", EnvFrom: []corev1.EnvFromSource{
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: settings}},
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: keys}},
			}}},
		},
	}
}

func spreads() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "workloadspreads"}
}

func sidecarSets() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "sidecarsets"}
}

// changes one policy of a namespace, in turns: what a subset patches, what new pods get,
// and what all pods get.
func (l *load) changes(ctx context.Context, namespace string, turn int) error {
	image := func(name string) string {
		return fmt.Sprintf(`[{"op": "replace", "path": "/spec/containers/0/image", "value": "%s:%d"}]`, name, turn+2)
	}
	var err error
	sets := l.upstream.dynamic.Resource(sidecarSets())
	switch turn % 3 {
	case 0:
		patch := fmt.Sprintf(`[{"op": "replace", "path": "/spec/subsets/1/patch", "value": {"metadata": {"labels": {"turn": "%d"}}}}]`, turn)
		_, err = l.upstream.dynamic.Resource(spreads()).Namespace(namespace).Patch(ctx, "spread", types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	case 1:
		_, err = sets.Patch(ctx, "only-"+namespace, types.JSONPatchType, []byte(image("shipper")), metav1.PatchOptions{})
	case 2:
		_, err = sets.Patch(ctx, "everywhere", types.JSONPatchType, []byte(image("proxy")), metav1.PatchOptions{})
	}
	if err != nil {
		return fmt.Errorf("cannot change a policy: %w", err)
	}
	return nil
}
