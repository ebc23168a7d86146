package site

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/downstream"
	"github.com/spillway-io/spillway/provider"
)

// Options say where to look. All fields but Kubeconfigs must be set.
type Options struct {
	// Config is how to reach the upstream cluster.
	Config *rest.Config
	// Kubeconfigs lead to downstream clusters, each FILE or NODE=FILE.
	Kubeconfigs []string
	// Open reads a kubeconfig.
	Open func(kubeconfig string) (*rest.Config, error)
	// NodeOptions reads the arguments of `spillway node`.
	NodeOptions func(args []string) (provider.Options, error)
	// Version is that of this binary.
	Version string
	// Now is the clock of this machine.
	Now func() time.Time
}

// Gather asks the clusters until ctx ends. Its error says that the upstream cluster
// could not be asked anything at all.
func Gather(ctx context.Context, o Options) (*Site, error) {
	client, err := kubernetes.NewForConfig(o.Config)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	// What everybody may ask, and every API server answers.
	if err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Error(); err != nil {
		return nil, fmt.Errorf("cannot ask the upstream cluster at %s: %w", o.Config.Host, err)
	}
	s := &Site{Upstream: Cluster{Config: o.Config, Client: client, Source: "the upstream cluster"}, Version: o.Version, Now: o.Now}
	finder := downstream.Finder{Upstream: client, Kubeconfigs: o.Kubeconfigs, Open: o.Open}
	var asking sync.WaitGroup
	asking.Go(func() { s.Upstream.identify(ctx) })
	asking.Go(func() { s.webhooks(ctx) })
	asking.Go(func() { s.virtualNodes(ctx, finder, o) })
	asking.Wait()
	return s, nil
}

func (c *Cluster) identify(ctx context.Context) {
	namespace, err := c.Client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		c.IDErr = err
		return
	}
	c.ID = string(namespace.UID)
}

func (s *Site) webhooks(ctx context.Context) {
	mutating, errMutating := s.Upstream.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if errMutating == nil {
		s.Mutating = mutating.Items
	}
	validating, errValidating := s.Upstream.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if errValidating == nil {
		s.Validating = validating.Items
	}
	s.WebhooksErr = cmp.Or(errMutating, errValidating)
}

func (s *Site) virtualNodes(ctx context.Context, finder downstream.Finder, o Options) {
	deployments, err := s.Upstream.Client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err == nil {
		s.Deployments = deployments.Items
	}
	s.DeploymentsErr = err
	nodes, err := finder.Nodes(ctx)
	s.NodesErr = err
	s.Nodes = join(nodes, s.Component(ComponentNode))
	s.Names = map[string]bool{}
	for i := range nodes {
		s.Names[nodes[i].Name] = true
	}
	for i := range s.Nodes {
		s.Names[s.Nodes[i].Name] = true
	}
	var asking sync.WaitGroup
	for i := range s.Nodes {
		asking.Go(func() { s.Nodes[i].reach(ctx, finder, o) })
	}
	asking.Wait()
}

// join has one virtual node for each Node that is Spillway's and each Deployment.
func join(nodes []corev1.Node, deployments []*appsv1.Deployment) []VirtualNode {
	byName := map[string]VirtualNode{}
	for i := range nodes {
		if node := &nodes[i]; isOurs(node) {
			byName[node.Name] = VirtualNode{Name: node.Name, Node: node}
		}
	}
	for _, deployment := range deployments {
		name := deployment.Labels[api.VirtualNodeLabel]
		if name == "" {
			continue
		}
		known := byName[name]
		known.Name, known.Deployment = name, deployment
		byName[name] = known
	}
	var all []VirtualNode
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all
}

// isOurs tells Spillway's virtual nodes from those of other providers.
func isOurs(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == api.ProviderTaintKey && t.Value == api.ProviderTaintValue
	})
}

func (n *VirtualNode) reach(ctx context.Context, finder downstream.Finder, o Options) {
	n.Options, n.OptionsErr = o.NodeOptions(Arguments(n.Deployment, ComponentNode))
	config, source, err := finder.Config(ctx, n.Name)
	if err != nil {
		n.DownstreamErr = err
		return
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		n.DownstreamErr = fmt.Errorf("cannot make a client of the downstream cluster of virtual node %q: %w", n.Name, err)
		return
	}
	cluster := &Cluster{Config: config, Client: client, Source: source}
	cluster.identify(ctx)
	if cluster.IDErr != nil && apierrors.ReasonForError(cluster.IDErr) == metav1.StatusReasonUnknown {
		n.DownstreamErr = fmt.Errorf("the downstream cluster of virtual node %q at %s (%s) does not answer: %w", n.Name, config.Host, source, cluster.IDErr)
		return
	}
	n.Downstream = cluster
}

// Arguments are those of the container of that name, without the subcommand; none if
// there is no Deployment.
func Arguments(deployment *appsv1.Deployment, container string) []string {
	if deployment == nil {
		return nil
	}
	for _, c := range deployment.Spec.Template.Spec.Containers {
		if c.Name == container && len(c.Args) > 0 {
			return c.Args[1:]
		}
	}
	return nil
}
