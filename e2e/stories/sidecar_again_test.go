package stories

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// Where the API server's ServiceAccount plugin mounts tokens: before webhooks are
// asked into the containers that there are, and later into those that webhooks added.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// TestSidecarsOutliveLaterWebhooks: a webhook after Spillway's gives all containers
// a security context, upon which Spillway is asked again. The sidecars keep that and
// their tokens, one each; and a pod with all of it, created once more, stays as it is.
func TestSidecarsOutliveLaterWebhooks(t *testing.T) {
	s := tell(t, nil)
	set := s.agentSet("agent:1", "")
	set = strings.Replace(set, "podInjectPolicy:", "shareVolumePolicy: {type: enabled}, podInjectPolicy:", 1) +
		"\n  initContainers:\n  - {name: beside, image: \"beside:1\", restartPolicy: Always}\n"
	set = strings.Replace(set, "  containers:\n", "  containers:\n  - {name: first, image: \"first:1\"}\n", 1)
	names := images{"app": "app:1", "first": "first:1", "agent": "agent:1", "beside": "beside:1"}
	s.injects(set, map[string]string{"app": "web"}, names)
	s.registersAfterOurs(hardens, func(admitted *corev1.Pod) bool { return admitted.Spec.Containers[0].SecurityContext != nil })

	pod := newPod("web")
	pod.Labels["app"] = "web"
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
	s.applies(manifest(t, pod))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	once := s.pod(s.upstream, "web")
	if diff := cmp.Diff(names, imagesOf(once)); diff != "" {
		t.Errorf("containers -want +got:\n%s", diff)
	}
	for name := range names {
		c := container(once, name)
		if c.SecurityContext == nil || c.SecurityContext.ReadOnlyRootFilesystem == nil {
			t.Errorf("container %s has lost what the other webhook gave it", name)
		}
		if n := mounts(c, tokenPath); n != 1 {
			t.Errorf("container %s has %d tokens, want one: %v", name, n, c.VolumeMounts)
		}
	}
	if diff := cmp.Diff(names, imagesOf(s.pod(s.downstream, "web"))); diff != "" {
		t.Errorf("containers downstream -want +got:\n%s", diff)
	}
	s.isUnchangedAgain(once)
}

// hardens gives a security context to every container that has none.
func hardens(pod *corev1.Pod) (patch string) {
	var operations []string
	for field, containers := range map[string][]corev1.Container{"containers": pod.Spec.Containers, "initContainers": pod.Spec.InitContainers} {
		for i, c := range containers {
			if c.SecurityContext == nil {
				operations = append(operations, fmt.Sprintf(`{"op":"add","path":"/spec/%s/%d/securityContext","value":{"readOnlyRootFilesystem":true}}`, field, i))
			}
		}
	}
	if operations == nil {
		return ""
	}
	return "[" + strings.Join(operations, ",") + "]"
}

func mounts(c *corev1.Container, path string) (n int) {
	for _, mount := range c.VolumeMounts {
		if mount.MountPath == path {
			n++
		}
	}
	return n
}

// isUnchangedAgain creates a copy of an admitted pod, which says that it got its
// sidecars long ago, and checks that nothing is done to it.
func (s *story) isUnchangedAgain(admitted *corev1.Pod) {
	s.Helper()
	again := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: "again", Labels: admitted.Labels, Annotations: admitted.Annotations},
		Spec:       admitted.Spec,
	}
	again.Spec.NodeName = ""
	delete(again.Annotations, corev1.LastAppliedConfigAnnotation) // kubectl's own
	updated := regexp.MustCompile(`"updateTimestamp":"[^"]*"`)
	for _, key := range []string{api.SidecarSetHashAnnotation, api.SidecarSetHashWithoutImageAnnotation} {
		again.Annotations[key] = updated.ReplaceAllString(again.Annotations[key], `"updateTimestamp":"2020-01-01T00:00:00Z"`)
	}
	created, _ := s.creates(again, "--dry-run=server")
	for what, both := range map[string][2]any{
		"annotations": {again.Annotations, created.Annotations},
		"labels":      {again.Labels, created.Labels},
		"spec":        {again.Spec, created.Spec},
	} {
		var was, is any
		s.must("read what there was", json.Unmarshal([]byte(toJSON(s.T, both[0])), &was))
		s.must("read what there is", json.Unmarshal([]byte(toJSON(s.T, both[1])), &is))
		if diff := cmp.Diff(was, is); diff != "" {
			s.Errorf("%s of a pod with everything, -before +after:\n%s", what, diff)
		}
	}
}
