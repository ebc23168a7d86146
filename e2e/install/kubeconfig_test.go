package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// secretName is that of the Secret with the downstream kubeconfig.
const secretName = "east-kubeconfig"

// account is the service account downstream that `spillway doctor` prints.
const account = "spillway"

// grants does downstream what the README says: a service account, and its rights.
func (s *story) grants() {
	s.Helper()
	rights, err := exec.CommandContext(s.ctx, os.Getenv(spillwayVariable), "doctor", "--print-downstream-rbac").Output()
	s.must("print the rights of a virtual node", err)
	s.kubectl(s.downstream, string(rights), "apply", "-f", "-")
}

// kubeconfig is that of the service account downstream, with a new token.
func (s *story) kubeconfig() []byte {
	s.Helper()
	accounts := s.downstream.Client().CoreV1().ServiceAccounts(namespace)
	token, err := accounts.CreateToken(s.ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	s.must("request a token", err)
	config := clientcmdapi.NewConfig()
	config.Clusters["east"] = &clientcmdapi.Cluster{Server: s.downstream.APIServerURL(), CertificateAuthorityData: s.downstream.CA()}
	config.AuthInfos[account] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["east"] = &clientcmdapi.Context{Cluster: "east", AuthInfo: account}
	config.CurrentContext = "east"
	content, err := clientcmd.Write(*config)
	s.must("write the kubeconfig", err)
	return content
}

// secret is the Secret with a kubeconfig, as a manifest.
func (s *story) secret() string {
	s.Helper()
	manifest, err := yaml.Marshal(corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: secretName, Namespace: namespace},
		Data:       map[string][]byte{"kubeconfig": s.kubeconfig()},
	})
	s.must("write the Secret", err)
	return string(manifest)
}

// rotates takes the virtual node's rights away downstream, and gives it others in
// the same Secret. The process runs on, and so do the pods.
func (s *story) rotates() {
	before, process := s.everything(), s.nodeProcess()
	s.must("revoke the rights", s.downstream.Client().CoreV1().ServiceAccounts(namespace).Delete(s.ctx, account, metav1.DeleteOptions{}))
	begun := time.Now()
	s.eventually("the node says what is wrong", func(ctx context.Context) error {
		ready, err := s.ready(ctx)
		if err == nil && (ready.Status != corev1.ConditionFalse || ready.Reason != "DownstreamCredentialsRejected") {
			err = fmt.Errorf("it says %s: %s: %s", ready.Status, ready.Reason, ready.Message)
		}
		if err == nil {
			s.Logf("the node says %s, %q: %.1f s", ready.Reason, ready.Message, time.Since(begun).Seconds())
		}
		return err
	})
	s.grants()
	s.must("replace the kubeconfig", s.upstream.Apply(s.ctx, s.secret()))
	begun = time.Now()
	s.eventually("the node is ready", func(ctx context.Context) error {
		ready, err := s.ready(ctx)
		if err == nil && ready.Status != corev1.ConditionTrue {
			err = errors.New(ready.Message)
		}
		return err
	})
	s.Logf("ready with the new kubeconfig: %.1f s", time.Since(begun).Seconds())
	s.unchanged(before)
	s.kubectl(s.upstream, "", "scale", "deployment/web", "--replicas=3")
	s.run(s.downstream, "app=web", 3)
	s.run(s.upstream, "app=web", 3)
	if now := s.nodeProcess(); now != process {
		s.Errorf("the virtual node's container was %s and is %s", process, now)
	}
}

// nodeProcess is the container that runs the virtual node.
func (s *story) nodeProcess() string {
	s.Helper()
	return s.ours("get", "pods", "-l", "spillway.io/virtual-node="+virtualNode, "-o", "jsonpath={.items[*].status.containerStatuses[*].containerID}")
}
