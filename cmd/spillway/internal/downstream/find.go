// Package downstream finds the way from the upstream cluster to the downstream
// clusters, for commands that people run: by the kubeconfigs that they were given,
// or by those that the virtual nodes themselves use, in the Secrets that their
// Deployments mount.
//
// It reads, and never writes. It refuses to guess: of a virtual node that it finds
// no kubeconfig of, it says what was missing and what to give. And it refuses to run
// programs, or to read files, that a kubeconfig in a Secret names.
package downstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/spillway-io/spillway/api"
)

// Flag is the flag that kubeconfigs are given by, with the help that is due to it.
const (
	Flag     = "downstream-kubeconfig"
	FlagHelp = "kubeconfig of the downstream cluster, or NODE=FILE for that of one virtual node; may be repeated; empty: the one in the Secret of the virtual node's Deployment"
)

// argument is the flag of `spillway node` that names the kubeconfig in the pod.
const argument = "--downstream-kubeconfig="

// Finder knows where to look. Upstream and Open must be set.
type Finder struct {
	// Upstream is asked for virtual nodes, Deployments and Secrets.
	Upstream kubernetes.Interface
	// Kubeconfigs are the values of the flag, each FILE or NODE=FILE.
	Kubeconfigs []string
	// Open reads a kubeconfig.
	Open func(kubeconfig string) (*rest.Config, error)
}

// Nodes returns the virtual nodes of the upstream cluster, by name.
func (f Finder) Nodes(ctx context.Context) ([]corev1.Node, error) {
	nodes, err := f.Upstream.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: api.NodeTypeLabel + "=" + api.NodeTypeVirtual})
	if err != nil {
		return nil, fmt.Errorf("cannot list the virtual nodes: %w", err)
	}
	slices.SortFunc(nodes.Items, func(a, b corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes.Items, nil
}

// Config returns how to reach the downstream cluster of a virtual node, and where
// that was found, for people to read. A kubeconfig that was given for the node comes
// first, then one that was given for none, then the node's own.
func (f Finder) Config(ctx context.Context, node string) (config *rest.Config, source string, err error) {
	if file, given := f.given(node); given {
		config, err := f.Open(file)
		if err != nil {
			return nil, "", fmt.Errorf("--%s: %w", Flag, err)
		}
		return config, file, nil
	}
	config, source, err = f.mounted(ctx, node)
	if err != nil {
		return nil, "", fmt.Errorf("no kubeconfig of the downstream cluster of virtual node %q: %w; give --%s", node, err, Flag)
	}
	return config, source, nil
}

func (f Finder) given(node string) (file string, given bool) {
	for _, value := range f.Kubeconfigs {
		name, path, named := strings.Cut(value, "=")
		switch {
		case named && name == node:
			return path, true
		case !named && !given:
			file, given = value, true
		}
	}
	return file, given
}

// mounted finds the kubeconfig that the node's Deployment mounts.
func (f Finder) mounted(ctx context.Context, node string) (*rest.Config, string, error) {
	deployments, err := f.Upstream.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: api.VirtualNodeLabel + "=" + node})
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("cannot list the Deployments of the virtual node: %w", err)
	case len(deployments.Items) == 0:
		return nil, "", fmt.Errorf("there is no Deployment with the label %s=%s", api.VirtualNodeLabel, node)
	}
	deployment := deployments.Items[0]
	name, key, err := secretOf(&deployment)
	if err != nil {
		return nil, "", err
	}
	secret, err := f.Upstream.CoreV1().Secrets(deployment.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("cannot read the Secret of Deployment %s/%s: %w", deployment.Namespace, deployment.Name, err)
	}
	source := fmt.Sprintf("Secret %s/%s", secret.Namespace, secret.Name)
	if len(secret.Data[key]) == 0 {
		return nil, "", fmt.Errorf("%s has no data under %q", source, key)
	}
	config, err := configIn(secret.Data[key])
	if err != nil {
		return nil, "", fmt.Errorf("%s: cannot use the kubeconfig: %w", source, err)
	}
	config.QPS = -1 // API servers protect themselves
	return config, source, nil
}

// configIn is what a kubeconfig says that comes from a cluster. Whoever may write the
// Secret must not have programs run, nor files read and sent away, on the machine of
// the person who runs the command: what names either is refused.
func configIn(kubeconfig []byte) (*rest.Config, error) {
	content, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil, err
	}
	for _, user := range content.AuthInfos {
		switch {
		case user.Exec != nil || user.AuthProvider != nil:
			return nil, errors.New("it names a program for its credentials, and what a Secret names is not run here")
		case cmp.Or(user.TokenFile, user.ClientCertificate, user.ClientKey) != "":
			return nil, errors.New("it names files for its credentials, and what a Secret names is not read here")
		}
	}
	for _, cluster := range content.Clusters {
		if cluster.CertificateAuthority != "" {
			return nil, errors.New("it names a file for its CA, and what a Secret names is not read here")
		}
	}
	return clientcmd.NewDefaultClientConfig(*content, &clientcmd.ConfigOverrides{}).ClientConfig()
}

// secretOf finds the Secret, and the key in it, that the flag of `spillway node`
// points into.
func secretOf(deployment *appsv1.Deployment) (name, key string, err error) {
	spec := deployment.Spec.Template.Spec
	for _, container := range spec.Containers {
		for _, arg := range container.Args {
			file, found := strings.CutPrefix(arg, argument)
			if !found {
				continue
			}
			for _, mount := range container.VolumeMounts {
				if mount.MountPath == path.Dir(file) {
					return secretOfVolume(deployment, mount.Name, path.Base(file))
				}
			}
		}
	}
	return "", "", fmt.Errorf("no container of Deployment %s/%s has the argument %s and mounts the folder it names", deployment.Namespace, deployment.Name, argument)
}

func secretOfVolume(deployment *appsv1.Deployment, volume, key string) (string, string, error) {
	for _, v := range deployment.Spec.Template.Spec.Volumes {
		if v.Name == volume && v.Secret != nil {
			return v.Secret.SecretName, key, nil
		}
	}
	return "", "", fmt.Errorf("volume %q of Deployment %s/%s is not from a Secret", volume, deployment.Namespace, deployment.Name)
}
