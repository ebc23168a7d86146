package admissions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/spillway-io/spillway/e2e/playground"
)

// Defaulted is the pod as an API server has it when it asks webhooks: with defaults,
// what its own admission adds, and managed fields. uid, time and name of a pod with
// generateName are given later.
func Defaulted(ctx context.Context, cluster *playground.Cluster, pod *corev1.Pod) (*corev1.Pod, error) {
	created, err := cluster.Client().CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return nil, fmt.Errorf("cannot have the pod defaulted: %w", err)
	}
	created.TypeMeta = pod.TypeMeta
	created.Name, created.UID, created.CreationTimestamp, created.Status = "", "", metav1.Time{}, corev1.PodStatus{}
	return created, nil
}

// uidMark stands in the review for what is unlike in each.
const uidMark = "00000000-uid-of-review"

// Reviews are requests about pods that differ in nothing but their uid.
type Reviews struct {
	before, after []byte
	count         atomic.Int64
}

// NewReviews makes them for a pod with labels of the scenario.
func NewReviews(pod *corev1.Pod, labels map[string]string) (*Reviews, error) {
	pod = pod.DeepCopy()
	maps.Copy(pod.Labels, labels)
	object, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	kind, resource := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: uidMark, Kind: kind, Resource: resource, RequestKind: &kind, RequestResource: &resource,
			Namespace: pod.Namespace, Operation: admissionv1.Create, DryRun: new(false),
			UserInfo: authenticationv1.UserInfo{
				Username: "system:serviceaccount:kube-system:replicaset-controller",
				Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"},
			},
			Object:  runtime.RawExtension{Raw: object},
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}`)},
		},
	})
	if err != nil {
		return nil, err
	}
	before, after, _ := bytes.Cut(body, []byte(uidMark))
	return &Reviews{before: before, after: after}, nil
}

// Next may be called from several goroutines.
func (r *Reviews) Next() []byte {
	review := make([]byte, 0, r.Size())
	review = append(review, r.before...)
	review = append(review, "5eca1349-3672-4970-a5b5-"...)
	review = strconv.AppendInt(review, 100000000000+r.count.Add(1), 10)
	return append(review, r.after...)
}

// Size is that of each, in bytes.
func (r *Reviews) Size() int { return len(r.before) + len(r.after) + 36 }
