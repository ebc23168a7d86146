package stories

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestCredentialsReplaced: a kubeconfig that is replaced under a running virtual
// node, and whose former content is refused at that moment, costs nothing. While
// everything it has is refused, the node says so, with the API server's words,
// and no pod is touched; when it is let in again, what was wished for meanwhile
// happens.
func TestCredentialsReplaced(t *testing.T) {
	s := tell(t, nil)
	above, k := s.hasKeys(s.upstream), s.hasKeys(s.downstream)
	for _, k := range []*keyring{above, k} {
		k.grants("first")
		k.mounts("first", true)
	}
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: "rotating", Upstream: s.upstream, Downstream: s.downstream,
		UpstreamKubeconfig: above.file(), DownstreamKubeconfig: k.file(),
		Labels: map[string]string{"clusterID": "rotating"}, ExtraArgs: []string{"--probe-interval=500ms"},
	})
	s.must("start the virtual node", err)
	s.finally(node.Stop)
	upstream, stopUpstream := s.watches(s.upstream)
	downstream, stopDownstream := s.watches(s.downstream)
	s.runsOn("rotating", "early", "leaving")
	since := s.ready("rotating").LastTransitionTime

	// Both Secrets change, and a moment later their former content is good for nothing.
	var forgotten []func()
	for _, k := range []*keyring{above, k} {
		k.grants("second")
		k.mounts("second", true)
		forgotten = append(forgotten, k.revokes("first"))
	}
	for _, wait := range forgotten {
		wait()
	}
	s.runsOn("rotating", "after")
	s.must("see that all run", s.runsInBoth(s.ctx, 3, "rotating", s.downstream))
	s.reachesPort("after")
	if ready := s.ready("rotating"); !ready.LastTransitionTime.Equal(&since) {
		t.Errorf("the rotation made the node %s: %s", ready.Reason, ready.Message)
	}

	// Nothing it has is good any more, and then it knows somebody without rights.
	k.revokes("second")()
	s.saysNotReady("rotating", "DownstreamCredentialsRejected", "Unauthorized")
	k.grants("nobody")
	k.mounts("nobody", false)
	s.saysNotReady("rotating", "DownstreamCredentialsRejected", "pods is forbidden", ":nobody\" cannot list resource")
	s.must("delete a pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "leaving", metav1.DeleteOptions{}))
	k.tears(node)

	k.grants("third")
	k.mounts("third", true)
	back := time.Now()
	s.eventually("the node is ready", func(context.Context) error {
		if ready := s.ready("rotating"); ready.Status != corev1.ConditionTrue {
			return errors.New(ready.Message)
		}
		return nil
	})
	s.must("see two pods in both", s.runsInBoth(s.ctx, 2, "rotating", s.downstream))
	t.Logf("all is right %.1f s after there were new credentials", time.Since(back).Seconds())
	s.runsOn("rotating", "late")
	stopUpstream()
	stopDownstream()
	delete(upstream.deleted, "leaving")
	delete(downstream.deleted, "leaving")
	if err := errors.Join(upstream.sawOnce(4), downstream.sawOnce(4)); err != nil {
		t.Error(err)
	}
}

// keyring has ServiceAccounts of a cluster, and the mounted Secret that holds a
// kubeconfig of one of them at a time.
type keyring struct {
	*story
	cluster   *playground.Cluster
	home, dir string
	// user and group are who the virtual node is there.
	user, group string
}

// Who has a key may do what virtual nodes may, by acting as one.
const actsAsNode = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: %[1]s}
rules:
- {apiGroups: [""], resources: [users], resourceNames: [%[2]s], verbs: [impersonate]}
- {apiGroups: [""], resources: [groups], resourceNames: ["%[3]s"], verbs: [impersonate]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:%[1]s"}]
`

func (s *story) hasKeys(cluster *playground.Cluster) *keyring {
	s.Helper()
	k := &keyring{story: s, cluster: cluster, home: "keys-of-" + s.namespace, dir: s.T.TempDir(), user: "spillway-node-rotating", group: "spillway:nodes"}
	if cluster == s.downstream {
		k.user, k.group = "spillway-downstream-node-rotating", "spillway:downstream-nodes"
	}
	s.must("create a namespace for keys", cluster.CreateNamespace(s.ctx, k.home, nil))
	s.must("make the role of keys", cluster.Apply(s.ctx, fmt.Sprintf(actsAsNode, k.home, k.user, k.group)))
	return k
}

func (k *keyring) file() string { return filepath.Join(k.dir, "..data", "kubeconfig") }

// grants makes a ServiceAccount.
func (k *keyring) grants(name string) {
	k.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := k.cluster.Client().CoreV1().ServiceAccounts(k.home).Create(k.ctx, account, metav1.CreateOptions{})
	k.must("make a key", err)
}

// revokes takes it away, and returns what waits until the API server does not know
// it any more: it remembers tokens for ten seconds.
func (k *keyring) revokes(name string) (forgotten func()) {
	k.Helper()
	content := k.kubeconfig(name, false)
	k.must("revoke a key", k.cluster.Client().CoreV1().ServiceAccounts(k.home).Delete(k.ctx, name, metav1.DeleteOptions{}))
	config, err := clientcmd.RESTConfigFromKubeConfig(content)
	k.must("read the kubeconfig", err)
	client, err := kubernetes.NewForConfig(config)
	k.must("make a client", err)
	return func() {
		k.Helper()
		k.eventually("nobody knows "+name, func(ctx context.Context) error {
			_, err := client.CoreV1().Namespaces().Get(ctx, k.home, metav1.GetOptions{})
			if apierrors.IsUnauthorized(err) {
				return nil
			}
			return fmt.Errorf("the answer is %w", err)
		})
	}
}

// mounts replaces the file by one with a ServiceAccount's token, as a kubelet does.
func (k *keyring) mounts(name string, asNode bool) {
	k.Helper()
	k.swaps(name, k.kubeconfig(name, asNode))
}

// tears leaves a file there that ends before the token, until the virtual node has
// seen it.
func (k *keyring) tears(node *playground.VirtualNode) {
	k.Helper()
	content, _, _ := bytes.Cut(k.kubeconfig("nobody", false), []byte("token:"))
	k.swaps("torn", content)
	k.eventually("the node says that it cannot use the file", func(context.Context) error {
		if !strings.Contains(k.fetch(node.Metrics+"/metrics"), `spillway_kubeconfig_refused{cluster="downstream"} 1`) {
			return errors.New("not yet")
		}
		return nil
	})
	if n := k.logged(node, "cannot be used", k.file()); n != 1 {
		k.Errorf("the log names the file %d times, want once", n)
	}
}

func (k *keyring) swaps(name string, content []byte) {
	k.Helper()
	err := errors.Join(
		os.Mkdir(filepath.Join(k.dir, name), 0o700),
		os.WriteFile(filepath.Join(k.dir, name, "kubeconfig"), content, 0o600),
		os.Symlink(name, filepath.Join(k.dir, "..data_new")),
		os.Rename(filepath.Join(k.dir, "..data_new"), filepath.Join(k.dir, "..data")),
	)
	k.must("replace the kubeconfig", err)
}

func (k *keyring) kubeconfig(name string, asNode bool) []byte {
	k.Helper()
	token, err := k.cluster.Client().CoreV1().ServiceAccounts(k.home).CreateToken(k.ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	k.must("request a token", err)
	user := &clientcmdapi.AuthInfo{Token: token.Status.Token}
	if asNode {
		user.Impersonate, user.ImpersonateGroups = k.user, []string{k.group}
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: k.cluster.APIServerURL(), CertificateAuthorityData: k.cluster.CA()}
	config.AuthInfos[name] = user
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: name}
	config.CurrentContext = "c"
	content, err := clientcmd.Write(*config)
	k.must("write the kubeconfig", err)
	return content
}

// ready is a virtual node's Ready condition.
func (s *story) ready(node string) (ready corev1.NodeCondition) {
	s.Helper()
	object, err := s.upstream.Client().CoreV1().Nodes().Get(s.ctx, node, metav1.GetOptions{})
	s.must("get the node", err)
	for _, c := range object.Status.Conditions {
		if c.Type == corev1.NodeReady {
			ready = c
		}
	}
	return ready
}

// saysNotReady waits until a virtual node is not ready, and says why.
func (s *story) saysNotReady(node, reason string, words ...string) {
	s.Helper()
	s.eventually(fmt.Sprintf("the node says %s: %q", reason, words), func(context.Context) error {
		if c := s.ready(node); c.Status != corev1.ConditionFalse || c.Reason != reason || !containsAll(c.Message, words) {
			return fmt.Errorf("it says %s: %s: %s", c.Status, c.Reason, c.Message)
		}
		return nil
	})
}

// runsOn creates pods for a virtual node, and waits until they run.
func (s *story) runsOn(node string, names ...string) {
	s.Helper()
	for _, name := range names {
		pod := newPod(name)
		pod.Spec.NodeSelector = map[string]string{"clusterID": node}
		s.applies(manifest(s.T, pod))
	}
	for _, name := range names {
		s.phase(name, corev1.PodRunning)
	}
}

// reachesPort says something to a port of a pod, by both protocols.
func (s *story) reachesPort(pod string) {
	s.Helper()
	for name, dialer := range s.dialers(pod) {
		port, stop, ended := s.forwards(dialer, 8080)
		if got, err := hears(s.ctx, port, "hello"); got != "hello" || err != nil {
			s.Errorf("%s: the port says %q, %v", name, got, err)
		}
		close(stop)
		if err := <-ended; err != nil {
			s.Errorf("%s: the port-forward ended with %v", name, err)
		}
	}
}
