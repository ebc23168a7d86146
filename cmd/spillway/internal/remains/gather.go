package remains

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/api"
)

// nodeSelector selects virtual nodes.
const nodeSelector = api.NodeTypeLabel + "=" + api.NodeTypeVirtual

// page is how many objects are read at a time.
const page = 500

// Options say what to ask. Open and Namespace must be set.
type Options struct {
	// Open reads a kubeconfig.
	Open func(kubeconfig string) (*rest.Config, error)
	// Upstream is the kubeconfig of the upstream cluster; what empty means, Open knows.
	Upstream string
	// Namespace is where Spillway runs.
	Namespace string
	// Secrets are the names of Secrets there to look for, since to list them would be to
	// read them all.
	Secrets []string
	// Downstream are the kubeconfigs of downstream clusters; none: they are not asked.
	Downstream []string
}

// Gather asks the clusters until ctx ends. What it cannot read is in the survey.
func Gather(ctx context.Context, options Options) Survey {
	s := &Survey{Namespace: options.Namespace}
	s.note("this cluster", gatherUpstream(ctx, options, s))
	for _, kubeconfig := range options.Downstream {
		s.Downstream = append(s.Downstream, gatherDownstream(ctx, kubeconfig, options.Open, ownedSelector(s.UpstreamID)))
	}
	return *s
}

// gatherUpstream returns an error if it could not even begin.
func gatherUpstream(ctx context.Context, options Options, s *Survey) error {
	config, err := options.Open(options.Upstream)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot make a client: %w", err)
	}
	gatherer{client: client, objects: objects, options: options, survey: s}.gather(ctx)
	return nil
}

type gatherer struct {
	client  kubernetes.Interface
	objects metadata.Interface
	options Options
	survey  *Survey
}

func (g gatherer) gather(ctx context.Context) {
	s := g.survey
	namespace, err := g.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	s.note("the cluster's id", err)
	if err == nil {
		s.UpstreamID = string(namespace.UID)
	}
	all := func(metav1.Object) bool { return true }
	s.Nodes = g.list(ctx, "virtual nodes", corev1.SchemeGroupVersion.WithResource("nodes"), "", nodeSelector, all)
	for _, node := range s.Nodes {
		s.note("pods on "+node, g.pods(ctx, node))
	}
	s.Volumes = g.list(ctx, "volumes", corev1.SchemeGroupVersion.WithResource("persistentvolumes"), "", "", isVolume)
	kruise := schema.GroupVersion{Group: "apps.kruise.io", Version: "v1alpha1"}
	s.Spreads = g.list(ctx, "WorkloadSpreads", kruise.WithResource("workloadspreads"), "", "", all)
	s.Sets = g.list(ctx, "SidecarSets", kruise.WithResource("sidecarsets"), "", "", all)
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	s.CRDs = g.get(ctx, definitions, "", "workloadspreads.apps.kruise.io", "sidecarsets.apps.kruise.io")
	leases := schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	s.Leases = g.list(ctx, "Leases", leases, g.options.Namespace, "", isLease)
	s.Secrets = g.get(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), g.options.Namespace, g.options.Secrets...)
	s.note("webhook configurations", g.configurations(ctx))
}

// pods reads the pods that run on a node.
func (g gatherer) pods(ctx context.Context, node string) error {
	options := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String(), Limit: page}
	for {
		list, err := g.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, options)
		if err != nil {
			return err
		}
		for i := range list.Items {
			pod := &list.Items[i]
			if !runs(pod) {
				continue
			}
			g.survey.Pods = append(g.survey.Pods, pod.Namespace+"/"+pod.Name)
			if isEvicted(pod) {
				g.survey.Evicted++
			}
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return nil
		}
	}
}

// list names the objects of a resource that stay and are meant; what says whose they
// are if they cannot be read. A resource that the cluster does not have has none.
func (g gatherer) list(ctx context.Context, what string, resource schema.GroupVersionResource, namespace, selector string, meant func(metav1.Object) bool) []string {
	var names []string
	err := eachObject(ctx, g.objects, resource, namespace, selector, func(object *metav1.PartialObjectMetadata) {
		if meant(object) && !goes(object) {
			names = append(names, nameIn(object, namespace))
		}
	})
	g.survey.note(what, err)
	return names
}

// get names those of the objects that are there and stay.
func (g gatherer) get(ctx context.Context, resource schema.GroupVersionResource, namespace string, names ...string) []string {
	var stay []string
	for _, name := range names {
		object, err := g.objects.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !goes(object) {
			stay = append(stay, name)
		}
		if !apierrors.IsNotFound(err) {
			g.survey.note(resource.Resource+" "+name, err)
		}
	}
	return stay
}

func (g gatherer) configurations(ctx context.Context) error {
	mutating, errMutating := g.client.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if errMutating == nil {
		for i := range mutating.Items {
			if c := &mutating.Items[i]; isConfiguration(c.Webhooks, nil) && !goes(c) {
				g.survey.Mutating = append(g.survey.Mutating, c.Name)
			}
		}
	}
	validating, errValidating := g.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if errValidating == nil {
		for i := range validating.Items {
			if c := &validating.Items[i]; isConfiguration(nil, c.Webhooks) && !goes(c) {
				g.survey.Validating = append(g.survey.Validating, c.Name)
			}
		}
	}
	return errors.Join(errMutating, errValidating)
}

// eachObject calls see for every object of a resource; none if there is no such
// resource.
func eachObject(ctx context.Context, objects metadata.Interface, resource schema.GroupVersionResource, namespace, selector string, see func(*metav1.PartialObjectMetadata)) error {
	options := metav1.ListOptions{LabelSelector: selector, Limit: page}
	for {
		list, err := objects.Resource(resource).Namespace(namespace).List(ctx, options)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range list.Items {
			see(&list.Items[i])
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return nil
		}
	}
}

// nameIn leaves out the namespace if all have the same.
func nameIn(object metav1.Object, namespace string) string {
	if object.GetNamespace() == namespace {
		return object.GetName()
	}
	return object.GetNamespace() + "/" + object.GetName()
}

// note keeps an error as what is not known.
func (s *Survey) note(what string, err error) {
	if err != nil {
		s.Unknown = append(s.Unknown, Unknown{what, plain(err)})
	}
}

// plain is an error on one line, and not a long one.
func plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return fmt.Sprintf("%.300s", strings.Join(strings.Fields(err.Error()), " "))
}
