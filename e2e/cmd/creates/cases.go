package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/admissions"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/webhook"
)

// subject is a case: pods of a namespace, about which one webhook is asked, or none.
type subject struct {
	// name is also that of the namespace.
	name, what string
	// process is the webhook's; nil: there is none.
	process *playground.Process
	// asked ends the names of the webhook's entries, as API servers count by them.
	asked string
	// spread says that a WorkloadSpread counts its pods.
	spread bool
	// pod is what is created.
	pod *corev1.Pod
}

// Keys of labels as long as that by which pods opt in.
const (
	// nobody is asked about pods with this.
	nobody = "nothing-pod"
	// nulled has the null webhook asked, marked that which answers with a mark only,
	// and canned that which has Spillway's patch.
	nulled = "null-opt-in"
	marked = "marked-pods"
	canned = "patched-pod"
)

// mark is the smallest patch: what Spillway marks its answers with.
const mark = `[{"op":"add","path":"/metadata/uid","value":"answered-by-nobody"}]`

const (
	// full is the capacity of a first subset that has its pod, so that the rest needs no slots.
	full = 1
	// roomy is one in which each pod takes a slot.
	roomy = 1_000_000
	// wanted is how many pods a workload wants.
	wanted = 1_000_000
)

// subjects are the cases in the order of their turns.
func (s *stage) subjects(ctx context.Context) ([]*subject, []byte, error) {
	if err := s.registerSpillway(ctx); err != nil {
		return nil, nil, err
	}
	none, err := s.subject(ctx, "none", "no webhook", nobody, 0)
	if err != nil {
		return nil, nil, err
	}
	null, err := s.null(ctx, "null", "null webhook", admissions.NullDecode, nulled, "")
	if err != nil {
		return nil, nil, err
	}
	if err := s.cluster.Apply(ctx, admissions.SidecarSet(0, admissions.App)); err != nil {
		return nil, nil, err
	}
	s5, err := s.spillway(ctx, "s5", "Spillway, S5", full)
	if err != nil {
		return nil, nil, err
	}
	write, err := s.spillway(ctx, "s5-write", "Spillway, S5, a slot for each", roomy)
	if err != nil {
		return nil, nil, err
	}
	patch, err := s.capture(ctx, s5)
	if err != nil {
		return nil, nil, err
	}
	echo, err := s.answering(ctx, "null-patch", "null webhook, S5's patch", canned, patch)
	if err != nil {
		return nil, nil, err
	}
	one, err := s.answering(ctx, "null-one", "null webhook, one operation", marked, []byte(mark))
	return []*subject{none, null, one, echo, s5, write}, patch, err
}

// subject makes the namespace of a case, and the workload of its pods; a
// WorkloadSpread too, if its first subset has a capacity.
func (s *stage) subject(ctx context.Context, name, what, label string, capacity int) (*subject, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := s.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("cannot create a namespace: %w", err)
	}
	if err := s.account(ctx, name); err != nil {
		return nil, err
	}
	if capacity > 0 {
		if err := s.cluster.Apply(ctx, admissions.WorkloadSpread(name, capacity)); err != nil {
			return nil, err
		}
	}
	owner, err := s.workload(ctx, name)
	if err != nil {
		return nil, err
	}
	pod := admissions.WebPod(name, owner)
	pod.Labels[label] = api.OptedIn
	return &subject{name: name, what: what, pod: pod, spread: capacity > 0}, nil
}

// workload is a Deployment with a ReplicaSet whose pods nobody but us makes.
func (s *stage) workload(ctx context.Context, namespace string) (metav1.OwnerReference, error) {
	labels := map[string]string{"app": admissions.App}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/shop/main:v1.24.3"}}},
	}
	apps := s.client.AppsV1()
	deployment, err := apps.Deployments(namespace).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(wanted)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}, metav1.CreateOptions{})
	if err != nil {
		return metav1.OwnerReference{}, fmt.Errorf("cannot create a Deployment: %w", err)
	}
	set, err := apps.ReplicaSets(namespace).Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-57674c775b", Labels: labels, OwnerReferences: []metav1.OwnerReference{
			*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment")),
		}},
		Spec: appsv1.ReplicaSetSpec{Replicas: new(int32(wanted)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}, metav1.CreateOptions{})
	if err != nil {
		return metav1.OwnerReference{}, fmt.Errorf("cannot create a ReplicaSet: %w", err)
	}
	return *metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet")), nil
}

// null is a case with a null webhook; patch is the file that one answers with.
func (s *stage) null(ctx context.Context, name, what, kind, label, patch string) (*subject, error) {
	c, err := s.subject(ctx, name, what, label, 0)
	if err != nil {
		return nil, err
	}
	process, url, err := admissions.Null{Kind: kind, Certs: s.certs, Patch: patch}.Start(s.Dir, &s.Ports)
	if err != nil {
		return nil, err
	}
	s.AtEnd(process.Stop)
	endpoint, err := s.service(ctx, name, url)
	if err != nil {
		return nil, err
	}
	c.process, c.asked = process, "."+name+".test"
	// That with a patch marks its answer, as Spillway does.
	endpoints := []webhook.Endpoint{endpoint}
	if kind == admissions.NullPatch {
		endpoints = append(endpoints, endpoint)
	}
	return c, s.register(ctx, c, registration{name: "zz-" + name, suffix: c.asked, label: label, endpoints: endpoints})
}

// answering is a case with a null webhook that answers with a patch.
func (s *stage) answering(ctx context.Context, name, what, label string, patch []byte) (*subject, error) {
	file := filepath.Join(s.Dir, name+".json")
	if err := os.WriteFile(file, patch, 0o600); err != nil {
		return nil, err
	}
	return s.null(ctx, name, what, admissions.NullPatch, label, file)
}

// spillway is a case with Spillway.
func (s *stage) spillway(ctx context.Context, name, what string, capacity int) (*subject, error) {
	c, err := s.subject(ctx, name, what, api.OptInLabel, capacity)
	if err != nil {
		return nil, err
	}
	c.process, c.asked = s.webhook.Process, ownSuffix
	return c, s.known(ctx, c)
}

// known waits until Spillway knows the policies of a case.
func (s *stage) known(ctx context.Context, c *subject) error {
	return playground.Eventually(ctx, "Spillway knows the policies of "+c.name, func(ctx context.Context) error {
		pod, err := s.client.CoreV1().Pods(c.name).Create(ctx, c.pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		switch {
		case err != nil:
			return err
		case pod.Annotations[api.MatchedWorkloadSpreadAnnotation] == "":
			return errors.New("the pod is in no subset")
		case len(pod.Spec.Containers) != len(c.pod.Spec.Containers)+2:
			return errors.New("the pod has no sidecars")
		}
		return nil
	})
}

// capture returns the patch with which Spillway answers for a pod of the case,
// for pods that nobody asks it about.
func (s *stage) capture(ctx context.Context, c *subject) ([]byte, error) {
	// The first pod takes what room there is.
	if _, err := s.client.CoreV1().Pods(c.name).Create(ctx, c.pod, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	pod, err := admissions.Defaulted(ctx, s.cluster, unasked(c.pod))
	if err != nil {
		return nil, err
	}
	pod.Labels = c.pod.Labels
	review, err := admissions.NewReviews(pod, nil)
	if err != nil {
		return nil, err
	}
	server, err := admissions.NewServer("spillway", s.webhook.URL+webhook.FirstPath, s.ca())
	if err != nil {
		return nil, err
	}
	patch, _, err := server.Patch(ctx, review.Next())
	return relabelled(patch, canned), err
}

// unasked is the pod as it is when no webhook is asked about it.
func unasked(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	delete(pod.Labels, api.OptInLabel)
	return pod
}

// operations are those of a patch.
func operations(patch []byte) ([]operation, error) {
	var list []operation
	err := json.Unmarshal(patch, &list)
	return list, err
}

type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}
