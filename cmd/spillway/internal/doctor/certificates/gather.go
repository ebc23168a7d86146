package certificates

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// dialTimeout is how long one replica may take to show its certificate.
const dialTimeout = 10 * time.Second

// Options say what to look at.
type Options struct {
	// Configurations are the names of webhook configurations to look at; empty: all
	// webhooks of Spillway.
	Configurations []string
	// Address, host:port, answers for the pods of all Services, where pods cannot be
	// reached through the API server; empty: each ready pod is asked.
	Address string
	// Secret is the name of a Secret with tls.crt and tls.key, in the namespace of each
	// Service, to be judged too; empty: none.
	Secret string
}

// Check looks at the webhooks of a cluster and says what is wrong with their
// certificates.
func Check(ctx context.Context, s *site.Site, options Options) finding.Outcome {
	var outcome finding.Outcome
	if s.WebhooksErr != nil {
		outcome.Hidden("the webhooks that are registered", s.WebhooksErr, "list mutatingwebhookconfigurations and validatingwebhookconfigurations")
		return outcome
	}
	g := gatherer{client: s.Upstream.Client, config: s.Upstream.Config, options: options}
	entries := entriesOf(s.Mutating, s.Validating, options.Configurations)
	seen := map[Target]Seen{}
	for _, target := range targetsOf(entries) {
		seen[target] = g.look(ctx, target)
	}
	return Judge(entries, seen, s.Now())
}

type gatherer struct {
	client  kubernetes.Interface
	config  *rest.Config
	options Options
}

// look gathers what there is at a target.
func (g gatherer) look(ctx context.Context, target Target) Seen {
	if target.Service == "" {
		return Seen{Places: []Place{g.dial(ctx, target.Address, target.Host)}}
	}
	seen := g.lookBehind(ctx, target)
	if g.options.Address != "" {
		seen.Places = append(seen.Places, g.dial(ctx, g.options.Address, target.Host))
	}
	if g.options.Secret != "" {
		seen.Places = append(seen.Places, g.readSecret(ctx, target.Namespace))
	}
	return seen
}

// lookBehind gathers who answers behind a Service, and with what.
func (g gatherer) lookBehind(ctx context.Context, target Target) Seen {
	service, err := g.client.CoreV1().Services(target.Namespace).Get(ctx, target.Service, metav1.GetOptions{})
	if err != nil {
		return Seen{Troubles: []Trouble{troubleOf(err, NoService)}}
	}
	port, ok := portOf(service, target.Port)
	if !ok {
		return Seen{Troubles: []Trouble{{NoService, fmt.Sprintf("has no port %d, but API servers ask for it", target.Port)}}}
	}
	slices, err := g.client.DiscoveryV1().EndpointSlices(target.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + target.Service,
	})
	if err != nil {
		return Seen{Troubles: []Trouble{troubleOf(err, NoReplica)}}
	}
	seen := Seen{}
	for i := range slices.Items {
		g.lookAt(ctx, &slices.Items[i], port, target, &seen)
	}
	if len(seen.Ready) == 0 {
		seen.Troubles = append(seen.Troubles, Trouble{NoReplica, "no replica is ready, so API servers get no answer"})
	}
	return seen
}

// portOf returns the name of a Service's port.
func portOf(service *corev1.Service, number int32) (name string, ok bool) {
	for _, port := range service.Spec.Ports {
		if port.Port == number {
			return port.Name, true
		}
	}
	return "", false
}

// lookAt adds the replicas of one EndpointSlice, with the certificates of those that
// API servers may ask.
func (g gatherer) lookAt(ctx context.Context, slice *discoveryv1.EndpointSlice, port string, target Target, seen *Seen) {
	number, ok := numberOf(slice, port)
	if !ok {
		return
	}
	for i := range slice.Endpoints {
		endpoint := &slice.Endpoints[i]
		name := "no address"
		if len(endpoint.Addresses) > 0 {
			name = net.JoinHostPort(endpoint.Addresses[0], strconv.Itoa(int(number)))
		}
		isPod := endpoint.TargetRef != nil && endpoint.TargetRef.Kind == "Pod"
		if isPod {
			name = "pod " + endpoint.TargetRef.Namespace + "/" + endpoint.TargetRef.Name
		}
		if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready {
			seen.NotReady = append(seen.NotReady, name)
			continue
		}
		seen.Ready = append(seen.Ready, name)
		switch {
		case g.options.Address != "": // It answers for all of them.
		case isPod:
			seen.Places = append(seen.Places, g.dialPod(ctx, endpoint.TargetRef, number, target.Host))
		default:
			seen.Places = append(seen.Places, g.dial(ctx, name, target.Host))
		}
	}
}

func numberOf(slice *discoveryv1.EndpointSlice, port string) (int32, bool) {
	for _, p := range slice.Ports {
		if p.Port != nil && (p.Name == nil && port == "" || p.Name != nil && *p.Name == port) {
			return *p.Port, true
		}
	}
	return 0, false
}

func (g gatherer) readSecret(ctx context.Context, namespace string) Place {
	place := Place{Name: "Secret " + namespace + "/" + g.options.Secret}
	secret, err := g.client.CoreV1().Secrets(namespace).Get(ctx, g.options.Secret, metav1.GetOptions{})
	if err != nil {
		trouble := troubleOf(err, certs.NoCertificate)
		place.Trouble = &trouble
		return place
	}
	place.Served = certs.Served{Chain: secret.Data[corev1.TLSCertKey], Key: secret.Data[corev1.TLSPrivateKeyKey]}
	return place
}

// troubleOf is an error of the API server's as a trouble.
func troubleOf(err error, otherwise certs.Cause) Trouble {
	switch {
	case apierrors.IsForbidden(err):
		return Trouble{NotAllowed, err.Error()}
	case apierrors.IsNotFound(err):
		return Trouble{otherwise, "is not there"}
	default:
		return Trouble{NotReached, err.Error()}
	}
}
