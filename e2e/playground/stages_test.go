package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// stagesNamespace is where the pods of testStages are.
const stagesNamespace = "stages"

// testStages: kwok does for pods what stories about sidecars need of a kubelet.
func testStages(t *testing.T, c *Cluster) {
	ctx := deadline(t)
	if err := c.CreateNamespace(ctx, stagesNamespace, nil); err != nil {
		t.Fatal(err)
	}

	t.Run("a changed image starts its container again and no other", func(t *testing.T) {
		createPod(ctx, t, c, "follows", corev1.RestartPolicyAlways)
		before := podWhen(ctx, t, c, "follows", ready)
		patchPod(ctx, t, c, "follows", `{"spec":{"containers":[{"name":"agent","image":"agent:2"}],"initContainers":[{"name":"beside","image":"beside:2"}]}}`)
		after := podWhen(ctx, t, c, "follows", ready)
		if diff := cmp.Diff(map[string]string{"app": "app:1 0", "agent": "agent:2 1", "before": "before:1 0", "beside": "beside:2 1"}, runs(after)); diff != "" {
			t.Errorf("images and restarts -want +got:\n%s", diff)
		}
		was, is := ids(before), ids(after)
		if was["app"] != is["app"] || was["before"] != is["before"] || was["agent"] == is["agent"] || was["beside"] == is["beside"] {
			t.Errorf("container ids were %v and are %v", was, is)
		}
	})
	t.Run("an image that cannot be pulled", func(t *testing.T) {
		createPod(ctx, t, c, "pulls", corev1.RestartPolicyAlways)
		podWhen(ctx, t, c, "pulls", ready)
		patchPod(ctx, t, c, "pulls", `{"spec":{"containers":[{"name":"agent","image":"agent:bad"}]}}`)
		podWhen(ctx, t, c, "pulls", func(pod *corev1.Pod) error {
			if err := ready(pod); err == nil {
				return errors.New("it is ready")
			}
			if diff := cmp.Diff(map[string]string{"app": "app:1 0", "agent": "agent:bad 0 ImagePullBackOff", "before": "before:1 0", "beside": "beside:1 0"}, runs(pod)); diff != "" {
				return errors.New(diff)
			}
			return nil
		})
		patchPod(ctx, t, c, "pulls", `{"spec":{"containers":[{"name":"agent","image":"agent:2"}]}}`)
		if pod := podWhen(ctx, t, c, "pulls", ready); runs(pod)["agent"] != "agent:2 1" {
			t.Errorf("images and restarts %v, want agent:2", runs(pod))
		}
	})
	t.Run("a pod ends with its app, and sidecars end then", func(t *testing.T) {
		for _, policy := range []corev1.RestartPolicy{corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure} {
			name := map[corev1.RestartPolicy]string{corev1.RestartPolicyNever: "never", corev1.RestartPolicyOnFailure: "on-failure"}[policy]
			createPod(ctx, t, c, name+"-agent", policy)
			createPod(ctx, t, c, name, policy, "agent")
			podWhen(ctx, t, c, name, func(pod *corev1.Pod) error {
				if pod.Status.Phase == corev1.PodRunning && sidecar(pod).State.Running == nil {
					t.Errorf("%s: the sidecar does not run while the app does: %v", name, sidecar(pod).State)
				}
				if pod.Status.Phase != corev1.PodSucceeded {
					return fmt.Errorf("it is %s", pod.Status.Phase)
				}
				if end := sidecar(pod).State.Terminated; end == nil || end.ExitCode != 0 || end.Reason != "Completed" {
					t.Errorf("%s: the sidecar's state is %v, want it completed", name, sidecar(pod).State)
				}
				return nil
			})
			if pod := podWhen(ctx, t, c, name+"-agent", ready); pod.Status.Phase != corev1.PodRunning {
				t.Errorf("%s is %s, want it to run as long as its agent", pod.Name, pod.Status.Phase)
			}
		}
	})
	t.Run("a pod that goes is deleted once", func(t *testing.T) {
		const pods = 10
		for i := range pods {
			name := fmt.Sprintf("goes-%d", i)
			createPod(ctx, t, c, name, corev1.RestartPolicyAlways)
			podWhen(ctx, t, c, name, ready)
		}
		of := c.Client().CoreV1().Pods(stagesNamespace)
		for i := range pods {
			if err := of.Delete(ctx, fmt.Sprintf("goes-%d", i), metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range pods {
			if err := Eventually(ctx, "a pod is gone", func(ctx context.Context) error {
				_, err := of.Get(ctx, fmt.Sprintf("goes-%d", i), metav1.GetOptions{})
				if apierrors.IsNotFound(err) {
					return nil
				}
				return errors.Join(errors.New("it is there"), err)
			}); err != nil {
				t.Fatal(err)
			}
		}
		createPod(ctx, t, c, "stays", corev1.RestartPolicyAlways)
		podWhen(ctx, t, c, "stays", ready) // kwok has heard of all the others
		log, err := os.ReadFile(filepath.Join(c.dir, "logs", "kwok.log"))
		if err != nil {
			t.Fatal(err)
		}
		if again := strings.Count(string(log), "failed to delete pod goes-"); again > 0 {
			t.Errorf("kwok deleted %d of %d pods once more", again, pods)
		}
	})
}

// createPod creates a pod with an init container, a sidecar, an app and an agent,
// without some of them.
func createPod(ctx context.Context, t *testing.T, c *Cluster, name string, restarts corev1.RestartPolicy, without ...string) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
	pod.Spec = corev1.PodSpec{
		RestartPolicy: restarts,
		InitContainers: []corev1.Container{
			{Name: "before", Image: "before:1"},
			{Name: "beside", Image: "beside:1", RestartPolicy: new(corev1.ContainerRestartPolicyAlways)},
		},
		Containers: []corev1.Container{{Name: "app", Image: "app:1"}, {Name: "agent", Image: "agent:1"}},
	}
	pod.Spec.Containers = pod.Spec.Containers[:len(pod.Spec.Containers)-len(without)]
	if _, err := c.Client().CoreV1().Pods(stagesNamespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func patchPod(ctx context.Context, t *testing.T, c *Cluster, name, patch string) {
	t.Helper()
	_, err := c.Client().CoreV1().Pods(stagesNamespace).Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// podWhen waits until a pod's status is about its current spec and passes a check.
func podWhen(ctx context.Context, t *testing.T, c *Cluster, name string, check func(*corev1.Pod) error) (pod *corev1.Pod) {
	t.Helper()
	err := Eventually(ctx, "pod "+name+" is as it should be", func(ctx context.Context) (err error) {
		if pod, err = c.Client().CoreV1().Pods(stagesNamespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		if pod.Status.ObservedGeneration != pod.Generation {
			return errors.New("its status is old")
		}
		return check(pod)
	})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func ready(pod *corev1.Pod) error {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("it is not ready: %v", runs(pod))
}

// runs returns the image and the restarts of every container, and what it waits
// for, by name.
func runs(pod *corev1.Pod) map[string]string {
	all := map[string]string{}
	for _, status := range containerStatuses(pod) {
		all[status.Name] = fmt.Sprintf("%s %d", status.Image, status.RestartCount)
		if status.State.Waiting != nil {
			all[status.Name] += " " + status.State.Waiting.Reason
		}
	}
	return all
}

func ids(pod *corev1.Pod) map[string]string {
	all := map[string]string{}
	for _, status := range containerStatuses(pod) {
		all[status.Name] = status.ContainerID
	}
	return all
}

func containerStatuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...)
}

// sidecar is the status of a pod's second init container.
func sidecar(pod *corev1.Pod) corev1.ContainerStatus {
	if len(pod.Status.InitContainerStatuses) < 2 {
		return corev1.ContainerStatus{}
	}
	return pod.Status.InitContainerStatuses[1]
}
