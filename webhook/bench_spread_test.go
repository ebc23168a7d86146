package webhook_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
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

// BenchmarkDecideAmongPods is one decision for a workload that has so many pods, of
// which the first fills the first subset: what it costs must not grow with them.
func BenchmarkDecideAmongPods(b *testing.B) {
	for _, pods := range []int{500, 2000, 8000} {
		b.Run(strconv.Itoa(pods), func(b *testing.B) {
			objects := spreadCluster()
			ws := objects[len(objects)-1].(*v1alpha1.WorkloadSpread)
			ws.Spec.Subsets[0].MaxReplicas = new(intstr.FromInt32(1))
			ws.Spec.Subsets = append(ws.Spec.Subsets, v1alpha1.WorkloadSpreadSubset{Name: "rest"})
			owner := objects[1]
			for i := range pods {
				objects = append(objects, podOfSpread(owner, fmt.Sprintf("web-%05d", i), []string{"common", "rest"}[min(i, 1)]))
			}
			metrics, err := allocate.NewMetrics(prometheus.NewRegistry())
			if err != nil {
				b.Fatal(err)
			}
			allocator := allocate.New(workloadtest.Start(b, objects...), nil, nil, metrics)
			created := podOfSpread(owner, "", "")
			b.ReportAllocs()
			for b.Loop() {
				if d := allocator.Decide(b.Context(), "default", created, "uid", true); d == nil || d.Subset == nil || d.Subset.Name != "rest" {
					b.Fatalf("%+v", d)
				}
			}
		})
	}
}

// BenchmarkDecideAmongReservations is one decision that takes a slot, where so many were
// taken within the last half minute by pods that there are: what it costs is paid by each
// batch of a burst.
func BenchmarkDecideAmongReservations(b *testing.B) {
	for _, held := range []int{0, 500, 2000, 8000} {
		b.Run(strconv.Itoa(held), func(b *testing.B) {
			objects := spreadCluster()
			ws := objects[len(objects)-1].(*v1alpha1.WorkloadSpread)
			ws.ResourceVersion = "2"
			ws.Spec.Subsets[0].MaxReplicas = new(intstr.FromInt32(10000))
			owner, creating := objects[1].(*appsv1.ReplicaSet), map[string]metav1.Time{}
			owner.Spec.Replicas = new(int32(1000000))
			for i := range held {
				name := fmt.Sprintf("web-%05d", i)
				objects = append(objects, podOfSpread(owner, name, "common"))
				creating["of-"+name] = metav1.NewTime(time.Now().Add(time.Hour).Truncate(time.Second))
			}
			ws.Status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{
				"6d4cf56db6": {{Name: "common", CreatingPods: creating, MissingReplicas: int32(10000 - held)}},
			}
			metrics, err := allocate.NewMetrics(prometheus.NewRegistry())
			if err != nil {
				b.Fatal(err)
			}
			allocator := allocate.New(workloadtest.Start(b, objects...), nil, forgetful{}, metrics)
			created := podOfSpread(owner, "", "")
			b.ReportAllocs()
			for b.Loop() {
				if d := allocator.Decide(b.Context(), "default", created, "uid", false); d == nil || d.Subset == nil || d.Subset.Name != "common" || d.UID == "" {
					b.Fatalf("%+v", d)
				}
			}
		})
	}
}

// forgetful takes any status, and answers with a version that is before all others, so
// that the next decision finds the status that was there.
type forgetful struct{ client.SubResourceWriter }

func (f forgetful) Status() client.SubResourceWriter { return f }

func (forgetful) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	object.SetResourceVersion("1")
	_, err := patch.Data(object)
	return err
}

// podOfSpread is a pod of a ReplicaSet in a subset; in none if that is empty.
func podOfSpread(owner client.Object, name, subset string) *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, Labels: map[string]string{"virtual-pod": "true", "pod-template-hash": "6d4cf56db6"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner.GetName(), UID: owner.GetUID(), Controller: new(true)}},
		},
	}
	if subset != "" {
		pod.Annotations = map[string]string{"apps.kruise.io/matched-workloadspread": fmt.Sprintf(`{"name":"web","subset":%q,"uid":"of-%s"}`, subset, name)}
	}
	return pod
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
