package stories

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// quoting is a policy of the downstream cluster that refuses every Secret of a
// namespace, and says what is in it.
const quoting = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [secrets]}]
  validations:
  - expression: "false"
    messageExpression: "'no secrets such as ' + object.data.map(k, string(object.data[k])).join(',')"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}
`

// TestRefusalQuotesNoSecret: whoever reads events, logs, metrics or pods does not
// learn a Secret's value from the answer of an API server that refuses it, be it a
// new one or a changed one. A pod that is kept waiting by it can be deleted, and what
// was copied for it goes; one that waits on starts when the refusal is gone.
func TestRefusalQuotesNoSecret(t *testing.T) {
	s := tell(t, nil)
	node := s.hasReferringNode("outspoken")
	s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
	s.refusesSecrets()
	s.applies(manifest(t, settings("one")) + "---\n" + manifest(t, keys("hidden-1")))
	s.applies(manifest(t, refers("web", "outspoken", "settings", "keys", false)))
	s.hears("web", "ReferenceRefused", s.namespace+"/keys")
	s.phase("web", corev1.PodPending)
	s.copied("one", "")

	// Its process is killed with one copy made and the pod not, which is then deleted.
	s.must("kill the virtual node", node.Kill())
	s.must("delete the pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "web", metav1.DeleteOptions{}))
	s.must("start the virtual node again", node.Start())
	s.copied("", "")
	s.eventually("the pod is gone", func(ctx context.Context) error { return isGone(ctx, s.upstream, s.namespace, "web") })

	s.applies(manifest(t, refers("web", "outspoken", "settings", "keys", false)))
	s.copied("one", "")
	s.phase("web", corev1.PodPending)
	s.admitsSecrets()
	s.must("have the pod looked at", s.annotate("web", "look=again"))
	s.phase("web", corev1.PodRunning)
	s.copied("one", "hidden-1")

	s.refusesSecrets()
	refused := s.logged(node, "ReferenceRefused")
	s.applies(manifest(t, keys("hidden-2")))
	s.eventually("the change is refused", func(context.Context) error {
		if s.logged(node, "ReferenceRefused") == refused {
			return errors.New("not yet")
		}
		return nil
	})
	s.copied("one", "hidden-1")
	for _, hidden := range []string{"hidden-1", "hidden-2"} {
		s.nowhere(hidden, node)
		s.nowhere(base64.StdEncoding.EncodeToString([]byte(hidden)), node)
	}
	s.admitsSecrets()
}

// refusesSecrets waits until the policy holds, and does quote.
func (s *story) refusesSecrets() {
	s.Helper()
	s.must("make the policy", s.downstream.Apply(s.ctx, fmt.Sprintf(quoting, s.namespace)))
	s.finally(s.downstreamForgets)
	s.eventually("the policy quotes Secrets", func(ctx context.Context) error {
		_, stderr, err := s.downstream.Kubectl(ctx, manifest(s.T, keys("nobodys")), "create", "--dry-run=server", "-n", s.namespace, "-f", "-")
		if err == nil || !strings.Contains(stderr+err.Error(), "no secrets such as "+base64.StdEncoding.EncodeToString([]byte("nobodys"))) {
			return fmt.Errorf("kubectl says %q: %w", stderr, err)
		}
		return nil
	})
}

func (s *story) admitsSecrets() {
	s.Helper()
	s.must("delete the policy", s.downstreamForgets(s.ctx))
	s.eventually("Secrets are admitted", func(ctx context.Context) error {
		other := keys("nobodys")
		other.Name = "others"
		_, _, err := s.downstream.Kubectl(ctx, manifest(s.T, other), "create", "--dry-run=server", "-n", s.namespace, "-f", "-")
		return err
	})
}

func (s *story) downstreamForgets(ctx context.Context) error {
	_, _, err := s.downstream.Kubectl(ctx, "", "delete", "--ignore-not-found",
		"validatingadmissionpolicybinding.admissionregistration.k8s.io/"+s.namespace, "validatingadmissionpolicy.admissionregistration.k8s.io/"+s.namespace)
	return err
}
