package explain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Options say what to explain, and where.
type Options struct {
	// Upstream is the upstream cluster.
	Upstream *rest.Config
	// Kubeconfigs are those of downstream clusters, and Open reads one of them; see
	// downstream.Finder.
	Kubeconfigs []string
	Open        func(kubeconfig string) (*rest.Config, error)
	// Kind, Namespace and Name are of the object.
	Kind            Kind
	Namespace, Name string
	// RoutingKeys and OwnNamespace are those of the installation.
	RoutingKeys  []string
	OwnNamespace string
}

// eventPatience is how long events are waited for when all else is known. They are
// in no cache of an API server: for those of one object it reads all of a namespace.
const eventPatience = 400 * time.Millisecond

// gatherer fills Facts. Functions that run at the same time fill different fields.
type gatherer struct {
	opts    Options
	core    kubernetes.Interface
	objects dynamic.Interface
	names   metadata.Interface
	// telling is those who wait for events.
	telling sync.WaitGroup

	// mu is for Unknown and Events, which several have something for.
	mu    sync.Mutex
	facts Facts
}

// Gather reads what can be read. The error is for a cluster that does not answer, and
// for an object that may not be read.
func Gather(ctx context.Context, opts Options) (Facts, error) {
	g, err := newGatherer(opts)
	if err != nil {
		return Facts{}, err
	}
	eventsCtx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	g.tell(eventsCtx, opts.Name)
	err = g.gather(ctx, eventsCtx)
	if err != nil {
		enough(err)
	}
	patience := time.AfterFunc(eventPatience, func() { enough(errTooManyEvents) })
	defer patience.Stop()
	g.telling.Wait()
	return g.facts, err
}

func (g *gatherer) gather(ctx, eventsCtx context.Context) error {
	var err error
	var first sync.WaitGroup
	first.Go(func() { err = g.subject(ctx) })
	first.Go(func() { g.surroundings(ctx) })
	first.Go(func() { g.policies(ctx) })
	first.Wait()
	if err == nil {
		g.more(ctx, eventsCtx)
	}
	return err
}

// errTooManyEvents is why events are not known.
var errTooManyEvents = errors.New("the API server did not find them in time")

func newGatherer(opts Options) (*gatherer, error) {
	client, config, err := clientFor(opts.Upstream)
	if err != nil {
		return nil, err
	}
	core, err := kubernetes.NewForConfigAndClient(protobuf(config), client)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client of the upstream cluster: %w", err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client of the upstream cluster: %w", err)
	}
	names, err := metadata.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client of the upstream cluster: %w", err)
	}
	g := &gatherer{opts: opts, core: core, objects: objects, names: names}
	g.facts = Facts{
		Now:         time.Now(),
		Asked:       Asked{Kind: opts.Kind.Kind, Namespace: opts.Namespace, Name: opts.Name},
		RoutingKeys: opts.RoutingKeys, OwnNamespace: opts.OwnNamespace,
	}
	return g, nil
}

// clientFor makes one connection for all clients of a cluster.
func clientFor(config *rest.Config) (*http.Client, *rest.Config, error) {
	config = rest.CopyConfig(config)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a client of the cluster: %w", err)
	}
	return client, config, nil
}

// protobuf asks for what is faster to write and to read: of 5,000 pods that counts.
func protobuf(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return config
}

// subject reads the object itself.
func (g *gatherer) subject(ctx context.Context) error {
	opts := g.opts
	if opts.Kind.Kind == "Pod" {
		pod, err := g.core.CoreV1().Pods(opts.Namespace).Get(ctx, opts.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return fmt.Errorf("cannot read the pod: %w", err)
		}
		g.facts.Pod = pod
		return nil
	}
	workload, err := g.objects.Resource(opts.Kind.resource()).Namespace(opts.Namespace).Get(ctx, opts.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("cannot read the %s: %w", opts.Kind.cli(), err)
	}
	g.facts.Owners = []unstructured.Unstructured{*workload}
	return nil
}

// surroundings reads what decisions depend on beside policies.
func (g *gatherer) surroundings(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() {
		namespace, err := g.core.CoreV1().Namespaces().Get(ctx, g.opts.Namespace, metav1.GetOptions{})
		if g.known("namespace "+g.opts.Namespace, err) {
			g.facts.Namespace = namespace
		}
	})
	all.Go(func() {
		system, err := g.core.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if g.known("namespace "+metav1.NamespaceSystem+", whose UID is the cluster's id", err) {
			g.facts.UpstreamID = string(system.UID)
		}
	})
	all.Go(func() {
		nodes, err := g.names.Resource(corev1.SchemeGroupVersion.WithResource("nodes")).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if g.known("nodes", err) {
			g.facts.Nodes = slim(nodes.Items)
		}
	})
	all.Go(func() {
		nodes, err := g.core.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: virtualNodes, ResourceVersion: "0"})
		if g.known("virtual nodes", err) {
			g.facts.VirtualNodes = nodes.Items
		}
	})
	all.Wait()
}

func slim(nodes []metav1.PartialObjectMetadata) []metav1.PartialObjectMetadata {
	for i := range nodes {
		nodes[i].ManagedFields, nodes[i].Annotations = nil, nil
	}
	return nodes
}

// known takes note of an error, if it is one.
func (g *gatherer) known(what string, err error) bool {
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.facts.Unknown = append(g.facts.Unknown, Unknown{What: what, Why: plain(err)})
	}
	return err == nil
}

// plain is an error on one line, and not a long one.
func plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return fmt.Sprintf("%.300s", strings.Join(strings.Fields(err.Error()), " "))
}
