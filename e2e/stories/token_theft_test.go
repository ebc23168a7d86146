package stories

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTokenOfAnotherPod: a pod that names the Secret with another pod's token, which
// is downstream only, does not get it, and neither does a Secret that has that name
// upstream take its place.
func TestTokenOfAnotherPod(t *testing.T) {
	s := tell(t, nil)
	node := s.hasReferringNode("northwest")
	caller := refers("caller", "northwest", "settings", "", false)
	caller.Annotations = map[string]string{"spillway.io/api-access": "upstream"}
	s.applies(manifest(t, settings("one")) + "---\n" + manifest(t, caller))
	s.phase("caller", corev1.PodRunning)
	s.quiet(node)
	name := "spillway-token-" + string(s.pod(s.upstream, "caller").UID)
	below := s.downstream.Client().CoreV1().Secrets(s.namespace)
	held, err := below.Get(s.ctx, name, metav1.GetOptions{})
	s.must("get the token", err)

	s.applies(manifest(t, refers("thief", "northwest", "", name, true)))
	s.hears("thief", "ReservedName", name)
	s.phase("thief", corev1.PodPending)
	swapped := keys("swapped")
	swapped.Name = name
	s.applies(manifest(t, swapped))
	s.must("have the thief looked at", s.annotate("thief", "look=again"))
	s.must("debug a pod", s.debugsWith("caller", name))
	s.applies(manifest(t, refers("forger", "northwest", "", name, false)))
	s.hears("forger", "ReservedName", name)

	if twins, err := s.pods(s.downstream); err != nil || len(twins) != 1 {
		t.Errorf("%d pods are downstream (%v), want the one whose token it is", len(twins), err)
	}
	s.must("have the caller looked at", s.annotate("caller", "look=again"))
	s.eventually("the caller was looked at", func(context.Context) error {
		if s.pod(s.downstream, "caller").Annotations["look"] != "again" {
			return errors.New("not yet")
		}
		return nil
	})
	if n := len(s.pod(s.downstream, "caller").Spec.EphemeralContainers); n != 0 {
		t.Errorf("%d containers that name the token's Secret were put into a pod, want none", n)
	}
	now, err := below.Get(s.ctx, name, metav1.GetOptions{})
	s.must("get the token", err)
	if now.ResourceVersion != held.ResourceVersion {
		t.Errorf("the Secret of the token was at version %s and is at %s", held.ResourceVersion, now.ResourceVersion)
	}
}

// debugsWith adds a container to a pod that runs, with a Secret in its environment.
func (s *story) debugsWith(name, secret string) error {
	pod := s.pod(s.upstream, name)
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: "debugger", Image: "app:1", TerminationMessagePolicy: corev1.TerminationMessageReadFile, ImagePullPolicy: corev1.PullIfNotPresent,
		EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}},
	}}}
	_, err := s.upstream.Client().CoreV1().Pods(s.namespace).UpdateEphemeralContainers(s.ctx, name, pod, metav1.UpdateOptions{})
	return err
}

func (s *story) annotate(pod, annotation string) error {
	_, _, err := s.upstream.Kubectl(s.ctx, "", "annotate", "pod", pod, "-n", s.namespace, annotation)
	return err
}
