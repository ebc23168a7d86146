package admission

import (
	"context"
	"fmt"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// Others looks at all webhooks that may change pods.
func Others(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	if s.WebhooksErr != nil {
		o.Hidden("which other webhooks change pods", s.WebhooksErr, "list mutatingwebhookconfigurations")
		return o
	}
	dead := map[string]string{}
	var unknown error
	for _, e := range podEntries(s.Mutating) {
		service := e.webhook.ClientConfig.Service
		if e.ours() || service == nil || !e.strict() {
			continue
		}
		why, err := behind(ctx, s.Upstream.Client, service.Namespace, service.Name)
		if err != nil {
			unknown = err
		} else if why != "" {
			dead[e.String()] = why
		}
	}
	o = JudgeOthers(s.Mutating, dead)
	o.Hidden("whether somebody answers for the other webhooks", unknown, "get services and list endpointslices in all namespaces")
	return o
}

// behind says why nobody answers behind a Service; empty if somebody does.
func behind(ctx context.Context, client kubernetes.Interface, namespace, name string) (why string, err error) {
	_, err = client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Sprintf("there is no Service %s/%s", namespace, name), nil
	}
	if err != nil {
		return "", err
	}
	list, err := client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + name})
	if err != nil {
		return "", err
	}
	for i := range list.Items {
		for j := range list.Items[i].Endpoints {
			if ready := list.Items[i].Endpoints[j].Conditions.Ready; ready == nil || *ready {
				return "", nil
			}
		}
	}
	return fmt.Sprintf("Service %s/%s has no ready endpoint", namespace, name), nil
}
