package stories

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestAllThatAPodNeedsUnderAPrefix: ConfigMap, Secret, claim, upstream token and
// Service of one pod, and what is told about it, are all in the namespace that the
// prefix leads to. Objects of others that have the same names, in the namespace of
// the upstream name, are never touched. A pod that takes the place of one of its
// name while the virtual node is dead gets a token of its own, and nothing of its
// predecessor's.
func TestAllThatAPodNeedsUnderAPrefix(t *testing.T) {
	s := tell(t, map[string]string{"spillway.io/story": "together"}).hasReflection("mapped", "-v=6", "--pod-api-access=none,upstream", "--pod-api-server=upstream.example.org:6443")
	under := s.under()
	strangers := s.hasStrangers()
	s.hasClassesBelow(under)
	s.applies(manifest(t, settings("one")) + "---\n" + manifest(t, keys("hidden-1")) + "---\n" + fmt.Sprintf(webService, 8080) + "---\n" + claimOfClass(s.namespace))
	s.reflects("true")
	s.applies(manifest(t, s.needsAll()))
	s.phase("shop", corev1.PodRunning)
	first := s.pod(s.upstream, "shop")
	under.copied("one", "hidden-1")
	s.agreesOn("web", 1)
	s.holdsTokenOf(under, first)
	if claim := under.claim(s.downstream); claim.Status.Phase != corev1.ClaimBound || s.claim(s.upstream).Status.Phase != corev1.ClaimBound {
		t.Errorf("the claim is %s upstream and %s downstream", s.claim(s.upstream).Status.Phase, claim.Status.Phase)
	}
	under.kubeletSays("shop", "Unhealthy", "Readiness probe failed")
	s.hears("shop", "Unhealthy", "Readiness probe failed")
	claimed := under.asWritten(s.downstream)

	s.must("kill the virtual node", s.node.Kill())
	s.must("delete the pod by force", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "shop", metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
	s.applies(manifest(t, s.needsAll()))
	s.must("start the virtual node again", s.node.Start())
	s.phase("shop", corev1.PodRunning)
	second := s.pod(s.upstream, "shop")
	s.holdsTokenOf(under, second)
	s.isWithoutTokenOf(under, first)
	under.copied("one", "hidden-1")

	s.must("delete the pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "shop", metav1.DeleteOptions{}))
	s.isWithoutTokenOf(under, second)
	under.copied("", "")
	if now := under.asWritten(s.downstream); now != claimed {
		t.Errorf("the claim downstream was %s and is %s", claimed, now)
	}
	s.reflects("false")
	s.isNotReflected("web")
	s.areUntouched(strangers)
	s.quiet(s.node)
}

// under is the story as seen from the namespace that its own leads to downstream.
func (s reflection) under() *story {
	below := *s.story
	below.namespace = s.below
	return &below
}

// hasClassesBelow gives the story a class in each cluster, as hasClasses does, with
// a provisioner for the namespace that the prefix leads to.
func (s reflection) hasClassesBelow(under *story) {
	s.Helper()
	s.must("make the upstream class", s.upstream.Apply(s.ctx, fmt.Sprintf(virtualClass, s.namespace)))
	s.must("make the downstream class", s.downstream.Apply(s.ctx, fmt.Sprintf(disksClass, s.namespace+"-disks")))
	under.provisions(s.namespace + "-disks")
}

func claimOfClass(class string) string {
	claim, _, _ := strings.Cut(fmt.Sprintf(shopWithClaim, class, ""), "---")
	return claim
}

// needsAll is a pod that refers to one object of each kind.
func (s reflection) needsAll() *corev1.Pod {
	pod := refers("shop", s.name, "settings", "keys", false)
	pod.Labels["app"] = "web"
	pod.Annotations = map[string]string{"spillway.io/api-access": "upstream"}
	pod.Spec.TerminationGracePeriodSeconds = new(int64(1))
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
	}})
	pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
	return pod
}

// hasStrangers creates objects of somebody else in the downstream namespace that
// has the name of the upstream one, and returns how they are.
func (s reflection) hasStrangers() map[string]string {
	s.Helper()
	s.must("create the namespace of others", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
	service := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1234}}},
	}
	slice := &discoveryv1.EndpointSlice{
		TypeMeta:   metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}, AddressType: discoveryv1.AddressTypeIPv4,
	}
	pod := newPod("shop")
	pod.Labels, pod.Spec.NodeSelector = nil, map[string]string{"nowhere": "true"} // it stays as it is
	text := strings.Join([]string{
		manifest(s.T, settings("theirs")), manifest(s.T, keys("theirs")), manifest(s.T, service), manifest(s.T, slice), manifest(s.T, pod), claimOfClass("nobodys"),
	}, "---\n")
	_, _, err := s.downstream.Kubectl(s.ctx, text, "apply", "-n", s.namespace, "-f", "-")
	s.must("create what others have", err)
	s.eventually("the pod of others was looked at", func(context.Context) error {
		if len(s.pod(s.downstream, "shop").Status.Conditions) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	return s.versions()
}

// versions are the resource versions of what others have.
func (s reflection) versions() map[string]string {
	s.Helper()
	const columns = "custom-columns=KIND:.kind,NAME:.metadata.name,VERSION:.metadata.resourceVersion"
	objects := []string{"configmaps/settings", "secrets/keys", "services/web", "endpointslices/web", "pods/shop", "pvc/data"}
	text, _, err := s.downstream.Kubectl(s.ctx, "", append([]string{"get", "-n", s.namespace, "-o", columns, "--no-headers"}, objects...)...)
	s.must("get what others have", err)
	found := make(map[string]string)
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 3 {
			found[words[0]+"/"+words[1]] = words[2]
		}
	}
	if len(found) != len(objects) {
		s.Fatalf("others have %v", found)
	}
	return found
}

func (s reflection) areUntouched(before map[string]string) {
	s.Helper()
	now := s.versions()
	for object, version := range before {
		if now[object] != version {
			s.Errorf("%s of others was at version %s and is at %s", object, version, now[object])
		}
	}
	if all, err := s.pods(s.downstream); err != nil || len(all) != 1 {
		s.Errorf("%d pods are in the namespace of others (%v)", len(all), err)
	}
}

// holdsTokenOf waits until the token downstream is bound to exactly that pod.
func (s reflection) holdsTokenOf(under *story, pod *corev1.Pod) {
	s.Helper()
	held, err := s.downstream.Client().CoreV1().Secrets(under.namespace).Get(s.ctx, "spillway-token-"+string(pod.UID), metav1.GetOptions{})
	s.must("get the Secret of the pod's tokens", err)
	if len(held.Data) != 1 {
		s.Errorf("it has %d tokens", len(held.Data))
	}
	for _, token := range held.Data {
		s.speaksFor(string(token), pod)
	}
}

func (s reflection) isWithoutTokenOf(under *story, pod *corev1.Pod) {
	s.Helper()
	s.eventually("the token of pod "+string(pod.UID)+" is gone", func(ctx context.Context) error {
		_, err := s.downstream.Client().CoreV1().Secrets(under.namespace).Get(ctx, "spillway-token-"+string(pod.UID), metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is not: %w", err)
		}
		return nil
	})
}

// quiet looks for errors in the log of a virtual node to which nothing unusual has
// happened.
func (s *story) quiet(node *playground.VirtualNode) {
	s.Helper()
	log, err := os.ReadFile(node.LogFile())
	s.must("read the log", err)
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"level":"ERROR"`) {
			s.Errorf("the virtual node logs %s", line)
		}
	}
}
