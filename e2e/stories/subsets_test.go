package stories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/api"
)

// Two pods on own machines, the rest to the virtual node; the targetRef is to
// be filled in.
const twoOwnFirst = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: %s, kind: %s, name: web}
  subsets:
  - name: a
    maxReplicas: 2
    requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [own]}]}
  - name: b
    requiredNodeSelectorTerm: {matchExpressions: [{key: clusterID, operator: In, values: [east]}]}
`

// spreads applies a WorkloadSpread and waits until Spillway has seen
// it: pods that are created earlier are adopted, which is another story.
func (s *story) spreads(manifest string) {
	s.Helper()
	s.applies(manifest)
	s.eventually("the WorkloadSpread has been seen", func(context.Context) error {
		ws, err := s.workloadSpread()
		if err != nil {
			return err
		}
		if ws.Status.ObservedGeneration != ws.Metadata.Generation {
			return fmt.Errorf("generation %d, seen %d", ws.Metadata.Generation, ws.Status.ObservedGeneration)
		}
		return nil
	})
}

// workloadSpread is as much of a WorkloadSpread as the stories read.
type workloadSpread struct {
	Metadata struct{ Generation int64 }
	Status   struct {
		ObservedGeneration      int64
		SubsetStatuses          []subsetStatus
		VersionedSubsetStatuses map[string][]subsetStatus
	}
}

type subsetStatus struct {
	Name         string
	Replicas     int
	CreatingPods map[string]any
	Conditions   []struct{ Type, Status, Reason, Message string }
}

// workloadSpread is the only one in the story's namespace.
func (s *story) workloadSpread() (ws workloadSpread, err error) {
	list, err := s.kruise("workloadspreads").List(s.ctx, metav1.ListOptions{})
	if err != nil {
		return ws, err
	}
	if len(list.Items) != 1 {
		return ws, fmt.Errorf("%d WorkloadSpreads, want one", len(list.Items))
	}
	text, err := list.Items[0].MarshalJSON()
	if err != nil {
		return ws, err
	}
	return ws, json.Unmarshal(text, &ws)
}

// kruise is a client for OpenKruise's kinds in the story's namespace.
func (s *story) kruise(resource string) dynamic.ResourceInterface {
	s.Helper()
	return s.kruiseAnywhere(resource).Namespace(s.namespace)
}

// kruiseAnywhere is one for kinds that are in no namespace.
func (s *story) kruiseAnywhere(resource string) dynamic.NamespaceableResourceInterface {
	s.Helper()
	config := s.upstream.AdminConfig()
	config.WarningHandler = rest.NoWarnings{} // those that a story is about are read from kubectl
	client, err := dynamic.NewForConfig(config)
	s.must("make a client", err)
	return client.Resource(schema.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: resource})
}

// subsetOf is the subset that a pod's annotation names, empty if none.
func subsetOf(pod *corev1.Pod) string {
	var match struct{ Subset string }
	if json.Unmarshal([]byte(pod.Annotations[api.MatchedWorkloadSpreadAnnotation]), &match) != nil {
		return ""
	}
	return match.Subset
}

func active(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// distribution counts pods by where they are, like "a on own" for those of
// subset a on own-1 and own-2.
type distribution map[string]int

func where(pod *corev1.Pod) string {
	return subsetOf(pod) + " on " + strings.TrimRight(pod.Spec.NodeName, "-0123456789")
}

// isSpread waits until all pods run image, distributed as wanted, and the
// WorkloadSpread's status says so too.
func (s *story) isSpread(image string, want distribution) {
	s.Helper()
	s.eventually(fmt.Sprintf("pods of %s are spread like %v", image, want), func(context.Context) error {
		pods, err := s.pods(s.upstream)
		if err != nil {
			return err
		}
		got := distribution{}
		var errs []error
		for _, pod := range pods {
			if !active(&pod) {
				continue
			}
			got[where(&pod)]++
			errs = append(errs, s.settled(&pod, image))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			errs = append(errs, fmt.Errorf("-want +got:\n%s", diff))
		}
		return errors.Join(append(errs, s.reports(want))...)
	})
}

// settled says what is still to happen to a pod: it runs its image, and has been
// stashed if it is on the virtual node, and not otherwise.
func (s *story) settled(pod *corev1.Pod, image string) error {
	switch {
	case pod.Status.Phase != corev1.PodRunning || pod.Spec.Containers[0].Image != image:
		return fmt.Errorf("pod %s with %s is %s", pod.Name, pod.Spec.Containers[0].Image, pod.Status.Phase)
	case handled(pod) != (pod.Spec.NodeName == "east"):
		return fmt.Errorf("pod %s is %s, with the annotations %v", pod.Name, where(pod), pod.Annotations)
	}
	return nil
}

// reports says how the status of the WorkloadSpread differs from what is wanted.
func (s *story) reports(want distribution) error {
	ws, err := s.workloadSpread()
	if err != nil {
		return err
	}
	replicas := map[string]int{}
	for where, n := range want {
		subset, _, _ := strings.Cut(where, " ")
		replicas[subset] += n
	}
	for _, subset := range ws.Status.SubsetStatuses {
		if subset.Replicas != replicas[subset.Name] {
			return fmt.Errorf("the status says that subset %s has %d replicas, want %d", subset.Name, subset.Replicas, replicas[subset.Name])
		}
		delete(replicas, subset.Name)
	}
	for subset, n := range replicas {
		if n > 0 {
			return fmt.Errorf("the status says nothing of subset %s", subset)
		}
	}
	return nil
}

// in returns the pods that are in a subset right now, by name.
func (s *story) in(subset string) map[string]*corev1.Pod {
	s.Helper()
	pods, err := s.pods(s.upstream)
	s.must("list the pods", err)
	in := map[string]*corev1.Pod{}
	for i := range pods {
		if active(&pods[i]) && subsetOf(&pods[i]) == subset {
			in[pods[i].Name] = &pods[i]
		}
	}
	return in
}

// scales does what `kubectl scale` does.
func (s *story) scales(kind string, replicas int) {
	s.Helper()
	_, _, err := s.upstream.Kubectl(s.ctx, "", "scale", kind, "web", "-n", s.namespace, fmt.Sprintf("--replicas=%d", replicas))
	s.must(fmt.Sprintf("scale to %d", replicas), err)
}
