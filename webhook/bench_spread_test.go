package webhook_test

import (
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/allocate"
	"github.com/spillway-io/spillway/webhook/workload/workloadtest"
)

// BenchmarkThroughSpread is the whole way of a pod through a WorkloadSpread when
// nothing is to be written: find the WorkloadSpread that targets it, through
// caches as they are in a cluster, choose, place, patch. It reports the time as a
// multiple of that of a pod that none targets, from the same run.
func BenchmarkThroughSpread(b *testing.B) {
	body := review(b, realisticPod("true"), nil)
	metrics, err := allocate.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	through, _ := newHandler(b, namespaceLabels{})
	through.Spreads = allocate.New(workloadtest.Start(b, spreadCluster()...), nil, nil, metrics)
	without, _ := newHandler(b, namespaceLabels{})
	againstStash(b, &admission.Webhook{Handler: through}, &admission.Webhook{Handler: without}, body)
}

// spreadCluster has the owners of realisticPod, a WorkloadSpread on them whose
// first subset takes any number, and nodes to tell virtual subsets from.
func spreadCluster() []client.Object {
	objects := []client.Object{
		&appsv1.Deployment{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web"},
		},
		&appsv1.ReplicaSet{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: "web-6d4cf56db6", UID: "0a3d5c9e-6a50-4b54-bc4e-0c36a23c1f35",
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "web", Controller: new(true)}},
			},
		},
	}
	for _, name := range []string{"own-1", "own-2", "own-3"} {
		objects = append(objects, &corev1.Node{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"node-role.kubernetes.io/worker": "true"}},
		})
	}
	decision := benchDecision(`{"metadata":{"annotations":{"subset":"common"}}}`, false)
	ws := decision.Spread.DeepCopy()
	ws.TypeMeta = metav1.TypeMeta{APIVersion: "apps.kruise.io/v1alpha1", Kind: "WorkloadSpread"}
	ws.UID = "ws"
	ws.Spec.TargetReference = &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	return append(objects, ws)
}
