package playground

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// AdminConfig returns a new client configuration that may do everything and is
// limited by nothing on the client's side.
func (c *Cluster) AdminConfig() *rest.Config { return c.config(c.admin) }

// ProtobufClient is Client for many requests: they cost whoever makes them, and so the
// machine on which something is measured, as little as can be.
func (c *Cluster) ProtobufClient() (kubernetes.Interface, error) {
	config := c.AdminConfig()
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	return client, nil
}

func (c *Cluster) config(user keyPair) *rest.Config {
	return &rest.Config{
		Host: c.APIServerURL(),
		QPS:  -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   c.ca.pem.cert,
			CertData: user.cert,
			KeyData:  user.key,
		},
	}
}

// AdminKubeconfig is the path of a kubeconfig that may do everything.
func (c *Cluster) AdminKubeconfig() string {
	return filepath.Join(c.dir, "admin.kubeconfig")
}

// Kubeconfig certifies user as a member of groups and returns the path of a
// kubeconfig that acts as them. What they may do is for RBAC to say: a user
// nobody granted anything can do next to nothing.
func (c *Cluster) Kubeconfig(user string, groups ...string) (string, error) {
	keys, err := c.ca.issueClient(user, groups...)
	if err != nil {
		return "", err
	}
	name := strings.NewReplacer(":", "-", "/", "-").Replace(user)
	path := filepath.Join(c.dir, "kubeconfigs", name+".kubeconfig")
	return path, c.writeKubeconfig(path, user, keys)
}

func (c *Cluster) writeKubeconfig(path, user string, keys keyPair) error {
	config := clientcmdapi.NewConfig()
	config.Clusters[c.name] = &clientcmdapi.Cluster{Server: c.APIServerURL(), CertificateAuthorityData: c.ca.pem.cert}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: keys.cert, ClientKeyData: keys.key}
	config.Contexts[c.name] = &clientcmdapi.Context{Cluster: c.name, AuthInfo: user}
	config.CurrentContext = c.name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("cannot encode the kubeconfig of %s: %w", user, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of kubeconfigs: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("cannot write the kubeconfig of %s: %w", user, err)
	}
	return nil
}
