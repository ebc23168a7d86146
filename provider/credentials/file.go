package credentials

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func read(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	return content, nil
}

// hasCredentials says whether the API server is told who we are.
func hasCredentials(config *rest.Config) bool {
	return config.BearerToken != "" || config.BearerTokenFile != "" || len(config.CertData) > 0 || config.CertFile != "" ||
		config.Username != "" || config.ExecProvider != nil || config.AuthProvider != nil
}

// parse returns what the current context of a kubeconfig says. It has to name a
// server and a user that are there, which a file that is half written does not.
// Paths in it are relative to the file.
func parse(path string, content []byte) (*rest.Config, error) {
	kubeconfig, err := clientcmd.Load(content)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the kubeconfig %s: %w", path, err)
	}
	// client-go takes a user that is not there for one without credentials.
	if c, ok := kubeconfig.Contexts[kubeconfig.CurrentContext]; ok && c.AuthInfo != "" && kubeconfig.AuthInfos[c.AuthInfo] == nil {
		return nil, fmt.Errorf("cannot use the kubeconfig %s: it has no user %q", path, c.AuthInfo)
	}
	for _, cluster := range kubeconfig.Clusters {
		cluster.LocationOfOrigin = path
	}
	for _, user := range kubeconfig.AuthInfos {
		user.LocationOfOrigin = path
	}
	if err := clientcmd.ResolveLocalPaths(kubeconfig); err != nil {
		return nil, fmt.Errorf("cannot use the kubeconfig %s: %w", path, err)
	}
	config, err := clientcmd.NewDefaultClientConfig(*kubeconfig, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot use the kubeconfig %s: %w", path, err)
	}
	return config, nil
}
