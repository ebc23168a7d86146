package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/invariants"
	"github.com/spillway-io/spillway/e2e/playground"
)

// What stays all the time: 150 pods. Those that come and go, and those of Jobs, are
// another 50, see churn.go.
const (
	steady  = 4 // Deployments of 25 pods, which nobody touches
	rolling = "rolling"
	members = "db"
	singles = 20 // pods without an owner

	resident = steady*25 + 20 + 10 + singles
)

// references are what all pods of Deployments refer to.
const references = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: ` + namespace + `}
data: {colour: blue}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: ` + namespace + `}
stringData: {password: hidden}
`

const deployment = `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: ` + namespace + `}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s, ` + api.OptInLabel + `: "true", ` + invariants.WorkloadLabel + `: %[1]s}}
    spec:
      containers:
      - {name: app, image: "app:1", envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: keys}}]}
`

const statefulSet = `
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ` + members + `, namespace: ` + namespace + `}
spec:
  replicas: 10
  serviceName: ` + members + `
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: ` + members + `}}
  template:
    metadata: {labels: {app: ` + members + `, ` + api.OptInLabel + `: "true", ` + invariants.WorkloadLabel + `: ` + members + `}}
    spec:
      containers: [{name: app, image: "app:1"}]
`

// applyWorkload creates what stays, and waits until all of it runs.
func (s *Stage) applyWorkload(ctx context.Context) error {
	if err := s.upstream.CreateNamespace(ctx, namespace, nil); err != nil {
		return err
	}
	manifest := []string{references, fmt.Sprintf(deployment, rolling, 20), statefulSet}
	for i := range steady {
		manifest = append(manifest, fmt.Sprintf(deployment, fmt.Sprintf("web-%d", i), 25))
	}
	if err := s.upstream.Apply(ctx, strings.Join(manifest, "")); err != nil {
		return err
	}
	for i := range singles {
		if _, err := s.pods().Create(ctx, barePod(single(i)), metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("cannot create a pod: %w", err)
		}
	}
	return s.waitResidents(ctx)
}

// waitResidents waits until all pods that stay run.
func (s *Stage) waitResidents(ctx context.Context) error {
	return playground.Eventually(ctx, "all resident pods run", func(ctx context.Context) error {
		list, err := s.pods().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		n := 0
		for i := range list.Items {
			pod := &list.Items[i]
			transient := strings.HasPrefix(pod.Name, "bare-") || strings.HasPrefix(pod.Name, "job-")
			if !transient && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
				n++
			}
		}
		if n < resident {
			return fmt.Errorf("%d of %d", n, resident)
		}
		return nil
	})
}

func barePod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{api.OptInLabel: api.OptedIn}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
}

// foreign are things that look more and more like ours, and are not: %[1]s are the
// marks that they carry.
const foreign = `
apiVersion: v1
kind: Pod
metadata: {name: %[2]s, namespace: %[3]s, %[1]s}
spec: {containers: [{name: app, image: "app:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: %[2]s, namespace: %[3]s, %[1]s}
data: {key: value}
---
apiVersion: v1
kind: Secret
metadata: {name: %[2]s, namespace: %[3]s, %[1]s}
stringData: {key: value}
---
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[3]s, %[1]s}
spec: {ports: [{port: 80}]}
`

// makeForeignThings makes them downstream, in a namespace that pods of ours are in
// too and in another, and waits until the pods among them run.
func (s *Stage) makeForeignThings(ctx context.Context) error {
	system, err := s.upstream.Client().CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the upstream cluster's id: %w", err)
	}
	marks := func(upstream types.UID, node string) string {
		return fmt.Sprintf(`labels: {%s: %q, %s: %q}, annotations: {%s: "0"}`,
			api.UpstreamLabel, upstream, api.VirtualNodeLabel, node, api.UpstreamUIDAnnotation)
	}
	kinds := map[string]string{
		"unmarked":       "labels: {app: theirs}",
		"other-upstream": marks("00000000-0000-0000-0000-000000000000", virtualNode),
		"other-node":     marks(system.UID, "west"),
		"half-marked":    fmt.Sprintf("labels: {%s: %q, %s: %s}", api.UpstreamLabel, system.UID, api.VirtualNodeLabel, virtualNode),
	}
	pods := 0
	for _, in := range []string{namespace, foreignNamespace} {
		if err := s.downstream.CreateNamespace(ctx, in, nil); err != nil {
			return err
		}
		for name, marks := range kinds {
			if err := s.downstream.Apply(ctx, fmt.Sprintf(foreign, marks, name, in)); err != nil {
				return err
			}
			pods++
		}
	}
	return playground.Eventually(ctx, "the foreign pods run", func(ctx context.Context) error {
		list, err := s.downstream.Client().CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Running"})
		if err == nil && len(list.Items) < pods {
			err = fmt.Errorf("%d of %d", len(list.Items), pods)
		}
		return err
	})
}

// runFor lets a pod that is not restarted run for a while, on kwok's nodes.
func runFor(pod *corev1.Pod, d time.Duration) *corev1.Pod {
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.Annotations = map[string]string{"playground.spillway.io/run-for": d.String()}
	return pod
}

// single is the name of one of the pods without an owner that stay.
func single(n int) string { return fmt.Sprintf("single-%02d", n) }

// kubeletsTakeCare keeps kwok from deleting a pod that nobody asked to go. A kubelet
// gives the UID of the pod that it deletes. kwok gives the name only, more than once
// when it was just started, and hits the next pod of that name.
const kubeletsTakeCare = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: kubelets-take-care}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [DELETE]}
  matchConditions:
  - {name: by-kwok, expression: 'request.userInfo.username == "playground:kwok"'}
  validations:
  - {expression: 'has(oldObject.metadata.deletionTimestamp)', message: nobody asked this pod to go}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: kubelets-take-care}
spec: {policyName: kubelets-take-care, validationActions: [Deny]}
`
