package stories

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestCopies: what two pods refer to is copied once, follows every change, is put
// right when somebody spoils it, survives the virtual node's process, and is gone
// with the last pod. No Secret's value is seen anywhere else.
func TestCopies(t *testing.T) {
	s := tell(t, nil)
	node := s.hasReferringNode("north")
	s.applies(manifest(t, settings("one")) + "---\n" + manifest(t, keys("hidden-1")))
	s.applies(manifest(t, refers("first", "north", "settings", "keys", false)) + "---\n" +
		manifest(t, refers("second", "north", "settings", "keys", false)))
	s.phase("first", corev1.PodRunning)
	s.phase("second", corev1.PodRunning)
	s.copied("one", "hidden-1")
	s.isLabelled()

	s.applies(manifest(t, settings("two")) + "---\n" + manifest(t, keys("hidden-2")))
	s.copied("two", "hidden-2")

	below := s.downstream.Client().CoreV1()
	s.must("delete the copied Secret", below.Secrets(s.namespace).Delete(s.ctx, "keys", metav1.DeleteOptions{}))
	s.copied("two", "hidden-2")
	_, _, err := s.downstream.Kubectl(s.ctx, "", "patch", "configmap", "settings", "-n", s.namespace, "-p", `{"data":{"key":"spoilt","more":"x"},"immutable":true}`)
	s.must("spoil the copied ConfigMap", err)
	s.copied("two", "hidden-2")

	s.restartChangesNothing(node)

	s.must("delete the ConfigMap upstream", s.upstream.Client().CoreV1().ConfigMaps(s.namespace).Delete(s.ctx, "settings", metav1.DeleteOptions{}))
	anew := settings("anew")
	anew.Immutable = new(true)
	s.applies(manifest(t, anew))
	s.copied("anew", "hidden-2")
	s.must("delete the ConfigMap upstream", s.upstream.Client().CoreV1().ConfigMaps(s.namespace).Delete(s.ctx, "settings", metav1.DeleteOptions{}))

	s.must("delete the Secret upstream", s.upstream.Client().CoreV1().Secrets(s.namespace).Delete(s.ctx, "keys", metav1.DeleteOptions{}))
	s.deletes("first")
	s.must("kill the virtual node", node.Kill())
	s.applies(manifest(t, settings("three")))
	s.must("start the virtual node again", node.Start())
	s.copied("three", "hidden-2") // the second pod goes on, with a Secret that is gone upstream

	s.must("kill the virtual node", node.Kill())
	s.must("delete the second pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "second", metav1.DeleteOptions{}))
	s.must("start the virtual node again", node.Start())
	s.copied("", "")
	for _, hidden := range []string{"hidden-1", "hidden-2", "aGlkZGVuL"} { // also in base64
		s.nowhere(hidden, node)
	}
}

// restartChangesNothing: a process that knows nothing of a copy reads it, and as it
// is right does not write it.
func (s *story) restartChangesNothing(node *playground.VirtualNode) {
	s.Helper()
	before, err := s.downstream.Client().CoreV1().Secrets(s.namespace).Get(s.ctx, "keys", metav1.GetOptions{})
	s.must("get the copied Secret", err)
	s.must("kill the virtual node", node.Kill())
	written := s.logged(node, "Wrote a copy", `"keys"`)
	s.must("start the virtual node again", node.Start())
	s.eventually("the Secret is found right", func(context.Context) error {
		if s.logged(node, "Found a copy as it has to be", `"keys"`) == 0 {
			return errors.New("it is not")
		}
		return nil
	})
	if n := s.logged(node, "Wrote a copy", `"keys"`); n != written {
		s.Errorf("it was written %d times", n-written)
	}
	after, err := s.downstream.Client().CoreV1().Secrets(s.namespace).Get(s.ctx, "keys", metav1.GetOptions{})
	s.must("get the copied Secret", err)
	if before.ResourceVersion != after.ResourceVersion {
		s.Errorf("it was at version %s and is at %s", before.ResourceVersion, after.ResourceVersion)
	}
}

// hasReferringNode starts a virtual node of the story's own that logs all it can,
// and whose pods may use the upstream API.
func (s *story) hasReferringNode(name string) *playground.VirtualNode {
	s.Helper()
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: name, Upstream: s.upstream, Downstream: s.downstream,
		Labels:    map[string]string{"clusterID": name},
		ExtraArgs: []string{"-v=6", "--pod-api-access=none,upstream", "--pod-api-server=upstream.example.org:6443"},
	})
	s.must("start virtual node "+name, err)
	s.finally(node.Stop)
	return node
}

// isLabelled looks at the metadata of the copies: labels follow, and what kubectl
// has noted in an annotation, which is all of the content, does not.
func (s *story) isLabelled() {
	s.Helper()
	copied, err := s.downstream.Client().CoreV1().Secrets(s.namespace).Get(s.ctx, "keys", metav1.GetOptions{})
	s.must("get the copied Secret", err)
	if copied.Labels["team"] != "shop" || copied.Labels["spillway.io/virtual-node"] != "north" {
		s.Errorf("its labels are %v", copied.Labels)
	}
	if _, noted := copied.Annotations[corev1.LastAppliedConfigAnnotation]; noted {
		s.Error("it has kubectl's note of the upstream content")
	}
}

// TestForeignObjectsStayUntouched: a ConfigMap and a Secret of somebody else are in
// the way downstream. The pod waits and says so, and starts when they are gone.
func TestForeignObjectsStayUntouched(t *testing.T) {
	s := tell(t, nil)
	s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
	below := s.downstream.Client().CoreV1()
	foreignMap, err := below.ConfigMaps(s.namespace).Create(s.ctx, settings("foreign"), metav1.CreateOptions{})
	s.must("create the foreign ConfigMap", err)
	foreignSecret, err := below.Secrets(s.namespace).Create(s.ctx, keys("foreign"), metav1.CreateOptions{})
	s.must("create the foreign Secret", err)

	s.applies(manifest(t, settings("one")) + "---\n" + manifest(t, keys("hidden")))
	s.applies(manifest(t, refers("plain", "east", "settings", "", true)) + "---\n" + manifest(t, refers("hidden", "east", "", "keys", true)))
	s.hears("plain", "DownstreamConflict", "ConfigMap", s.namespace+"/settings", "not created by Spillway")
	s.hears("hidden", "DownstreamConflict", "Secret", s.namespace+"/keys")
	s.phase("plain", corev1.PodPending)
	if twins, err := s.pods(s.downstream); err != nil || len(twins) != 0 {
		t.Errorf("%d pods are downstream (%v)", len(twins), err)
	}
	nowMap, err := below.ConfigMaps(s.namespace).Get(s.ctx, "settings", metav1.GetOptions{})
	s.must("get the foreign ConfigMap", err)
	nowSecret, err := below.Secrets(s.namespace).Get(s.ctx, "keys", metav1.GetOptions{})
	s.must("get the foreign Secret", err)
	if toJSON(t, nowMap) != toJSON(t, foreignMap) || toJSON(t, nowSecret) != toJSON(t, foreignSecret) {
		t.Errorf("they changed: %v, %v", nowMap, nowSecret)
	}

	s.must("delete the foreign ConfigMap", below.ConfigMaps(s.namespace).Delete(s.ctx, "settings", metav1.DeleteOptions{}))
	s.must("delete the foreign Secret", below.Secrets(s.namespace).Delete(s.ctx, "keys", metav1.DeleteOptions{}))
	s.phase("plain", corev1.PodRunning)
	s.phase("hidden", corev1.PodRunning)
	s.copied("one", "hidden")
}

// TestMissingReferences: what a pod can do without is told once and reaches it when
// it is created; for what it needs, it waits.
func TestMissingReferences(t *testing.T) {
	s := tell(t, nil)
	s.applies(manifest(t, refers("carefree", "east", "settings", "keys", true)))
	s.phase("carefree", corev1.PodRunning)
	s.hears("carefree", "OptionalConfigMapNotFound", s.namespace+"/settings")
	s.hears("carefree", "OptionalSecretNotFound", s.namespace+"/keys")

	s.applies(manifest(t, refers("needs-map", "east", "settings", "", false)) + "---\n" + manifest(t, refers("needs-secret", "east", "", "keys", false)))
	s.hears("needs-map", "MandatoryConfigMapNotFound", s.namespace+"/settings")
	s.hears("needs-secret", "MandatorySecretNotFound", s.namespace+"/keys")
	s.phase("needs-map", corev1.PodPending)

	s.applies(manifest(t, settings("one")) + "---\n" + manifest(t, keys("hidden")))
	s.phase("needs-map", corev1.PodRunning)
	s.phase("needs-secret", corev1.PodRunning)
	s.copied("one", "hidden")

	// A file that is optional goes with its object, where no pod needs it.
	s.deletes("needs-map", "needs-secret")
	s.must("delete the ConfigMap", s.upstream.Client().CoreV1().ConfigMaps(s.namespace).Delete(s.ctx, "settings", metav1.DeleteOptions{}))
	s.copied("", "hidden")
	s.must("delete the Secret", s.upstream.Client().CoreV1().Secrets(s.namespace).Delete(s.ctx, "keys", metav1.DeleteOptions{}))
	s.copied("", "")
}

// TestTokens: a pod that may use the upstream API has a token of its own there, as
// long as it lives.
func TestTokens(t *testing.T) {
	s := tell(t, nil)
	s.hasReferringNode("southwest")
	pod := refers("caller", "southwest", "", "", false)
	pod.Annotations = map[string]string{"spillway.io/api-access": "upstream"}
	s.applies(manifest(t, pod))
	s.phase("caller", corev1.PodRunning)

	up := s.pod(s.upstream, "caller")
	name := "spillway-token-" + string(up.UID)
	below := s.downstream.Client().CoreV1().Secrets(s.namespace)
	held, err := below.Get(s.ctx, name, metav1.GetOptions{})
	s.must("get the Secret of the pod's tokens", err)
	if len(held.Data) != 1 || held.Annotations["spillway.io/upstream-uid"] != string(up.UID) {
		t.Errorf("it has %d tokens and stands for %s", len(held.Data), held.Annotations["spillway.io/upstream-uid"])
	}
	for _, token := range held.Data {
		s.speaksFor(string(token), up)
	}
	due, err := time.Parse(time.RFC3339, held.Annotations["spillway.io/refresh-tokens-at"])
	if left := time.Until(due); err != nil || left < 40*time.Minute || left > 49*time.Minute {
		t.Errorf("it is refreshed in %s (%v), want 80 %% of an hour", left, err)
	}
	if spec := toJSON(t, s.pod(s.downstream, "caller").Spec); !strings.Contains(spec, name) || !strings.Contains(spec, "upstream.example.org") {
		t.Errorf("the downstream pod does not refer to it: %s", spec)
	}

	s.deletes("caller")
	s.eventually("the Secret is gone", func(ctx context.Context) error {
		if _, err := below.Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is not: %w", err)
		}
		return nil
	})
}

// speaksFor has the upstream API server say whose token it is.
func (s *story) speaksFor(token string, pod *corev1.Pod) {
	s.Helper()
	review, err := s.upstream.Client().AuthenticationV1().TokenReviews().Create(s.ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token},
	}, metav1.CreateOptions{})
	s.must("review the token", err)
	user := review.Status.User
	if bound := user.Extra["authentication.kubernetes.io/pod-uid"]; len(bound) != 1 || bound[0] != string(pod.UID) {
		s.Errorf("it is bound to %v, want pod %s", bound, pod.UID)
	}
	if want := "system:serviceaccount:" + s.namespace + ":default"; !review.Status.Authenticated || user.Username != want {
		s.Errorf("it speaks for %q (%s), want %s", user.Username, review.Status.Error, want)
	}
}
