package stories

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/e2e/binaries"
)

// agentSet is a SidecarSet of the story's own, about its pods with app=web: named
// after the story, and limited to its namespace, since other stories go on at the
// same time. spec are more lines of the spec.
func (s *story) agentSet(image, spec string) string {
	return strings.NewReplacer("$name", s.namespace, "$image", image, "$spec", strings.ReplaceAll(spec, "\n", "\n  ")).Replace(`
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: $name}
spec:
  namespace: $name
  selector: {matchLabels: {app: web}}
  containers:
  - {name: agent, image: "$image", imagePullPolicy: IfNotPresent, podInjectPolicy: AfterAppContainer}
  $spec
`)
}

// injects applies a SidecarSet and waits until a pod with some labels would have
// certain containers.
func (s *story) injects(manifest string, labels map[string]string, want images) {
	s.Helper()
	s.applies(manifest)
	object := &unstructured.Unstructured{}
	s.must("read the SidecarSet", yaml.Unmarshal([]byte(manifest), object))
	s.finally(s.deletesSet(object.GetName()))
	s.wouldHave(labels, want)
}

// deletesSet deletes a SidecarSet at the end of the story, and prints it first if
// that failed.
func (s *story) deletesSet(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		if s.Failed() {
			text, _, err := s.upstream.Kubectl(ctx, "", "get", "sidecarset", name, "--ignore-not-found", "-o", "yaml")
			s.Logf("SidecarSet %s: %v\n%s", name, err, text)
		}
		err := s.kruiseAnywhere("sidecarsets").Delete(ctx, name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
}

// wouldHave waits until a pod with some labels, if it were created now, would
// have certain containers.
func (s *story) wouldHave(labels map[string]string, want images) {
	s.Helper()
	s.eventually(fmt.Sprintf("new pods have the containers %v", want), func(ctx context.Context) error {
		probe := newPod("probe")
		maps.Copy(probe.Labels, labels)
		admitted, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, imagesOf(admitted)); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		return nil
	})
}

// images are those of a pod's containers by name.
type images map[string]string

func imagesOf(pod *corev1.Pod) images {
	all := images{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		all[c.Name] = c.Image
	}
	return all
}

// counts are those of a SidecarSet's status.
type counts struct{ MatchedPods, UpdatedPods, ReadyPods, UpdatedReadyPods int }

// sidecarsAre waits until the status of the story's SidecarSet is about what was last
// applied, and has certain counts. It returns the latest revision.
func (s *story) sidecarsAre(want counts) (revision string) {
	s.Helper()
	s.eventually(fmt.Sprintf("the SidecarSet's status is %+v", want), func(ctx context.Context) error {
		object, err := s.kruiseAnywhere("sidecarsets").Get(ctx, s.namespace, metav1.GetOptions{})
		if err != nil {
			return err
		}
		text, err := object.MarshalJSON()
		if err != nil {
			return err
		}
		var set struct {
			Status struct {
				counts
				ObservedGeneration int64
				LatestRevision     string
			}
		}
		if err := json.Unmarshal(text, &set); err != nil {
			return err
		}
		if set.Status.ObservedGeneration != object.GetGeneration() {
			return fmt.Errorf("generation %d, seen %d", object.GetGeneration(), set.Status.ObservedGeneration)
		}
		if diff := cmp.Diff(want, set.Status.counts); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		revision = set.Status.LatestRevision
		return nil
	})
	return revision
}

// example is one of the files that users are shown.
func (s *story) example(path string) string {
	s.Helper()
	root, err := binaries.Root()
	s.must("find the repository", err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "examples", path))
	s.must("read the example", err)
	return string(text)
}

func container(pod *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return &corev1.Container{}
}

func statusOf(pod *corev1.Pod, name string) corev1.ContainerStatus {
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.Name == name {
			return status
		}
	}
	return corev1.ContainerStatus{}
}
