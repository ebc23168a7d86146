package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/webhook"
)

// ownSuffix ends the names of Spillway's entries.
const ownSuffix = ".spillway.io"

// registration is Spillway's, but for another webhook and other pods.
type registration struct {
	name, suffix string
	// label is what pods opt in by.
	label     string
	endpoints []webhook.Endpoint
}

// service makes a Service that leads to a webhook of this machine. API servers speak
// HTTP/1.1 to Services, and HTTP/2 to loopback addresses.
func (s *stage) service(ctx context.Context, name, address string) (webhook.Endpoint, error) {
	where, err := url.Parse(address)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	port, err := strconv.ParseInt(where.Port(), 10, 32)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: []corev1.ServicePort{{Port: int32(port)}}},
	}
	if _, err := s.client.CoreV1().Services(corev1.NamespaceDefault).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return webhook.Endpoint{}, fmt.Errorf("cannot create a Service: %w", err)
	}
	return webhook.Endpoint{Service: webhook.ServiceReference{Namespace: corev1.NamespaceDefault, Name: name, Port: int32(port)}}, nil
}

// relabelled has text speak of another label, as long as Spillway's own.
func relabelled(text []byte, label string) []byte {
	return bytes.ReplaceAll(text, []byte(api.OptInLabel), []byte(label))
}

func (r registration) configuration(ca []byte) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
	all := webhook.Configurations(webhook.Registration{Name: r.name, Pods: r.endpoints, CABundle: ca, FailurePolicy: admissionregistrationv1.Fail}, "")
	text, err := json.Marshal(all[0])
	if err != nil {
		return nil, err
	}
	text = bytes.ReplaceAll(relabelled(text, r.label), []byte(ownSuffix+`"`), []byte(r.suffix+`"`))
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
	return configuration, json.Unmarshal(text, configuration)
}

// register has the API server ask a null webhook about the pods of a case, and waits
// until it does.
func (s *stage) register(ctx context.Context, c *subject, r registration) error {
	ca, err := os.ReadFile(s.ca())
	if err != nil {
		return err
	}
	configuration, err := r.configuration(ca)
	if err != nil {
		return fmt.Errorf("cannot make a configuration: %w", err)
	}
	configurations := s.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	if _, err := configurations.Create(ctx, configuration, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("cannot register a webhook: %w", err)
	}
	return playground.Eventually(ctx, "the API server asks "+c.name, func(ctx context.Context) error {
		if _, err := s.client.CoreV1().Pods(c.name).Create(ctx, c.pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
			return err
		}
		calls, err := s.calls(ctx, c)
		if err == nil && calls == 0 {
			err = errors.New("not yet")
		}
		return err
	})
}

// registerSpillway registers Spillway as its chart does, with a second Deployment,
// which here is the first again and never asked, in place of what it has registered.
func (s *stage) registerSpillway(ctx context.Context) error {
	configurations := s.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	list, err := configurations.List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("cannot read what is registered: %w", err)
	}
	for i := range list.Items {
		registered := &list.Items[i]
		for _, entry := range registered.Webhooks {
			if entry.Name != "labelled-pods"+ownSuffix {
				continue
			}
			r := registration{name: registered.Name, suffix: ownSuffix, label: api.OptInLabel, endpoints: []webhook.Endpoint{s.endpoint, s.endpoint}}
			configuration, err := r.configuration(entry.ClientConfig.CABundle)
			if err != nil {
				return err
			}
			configuration.ResourceVersion = registered.ResourceVersion
			_, err = configurations.Update(ctx, configuration, metav1.UpdateOptions{})
			return err
		}
	}
	return errors.New("nothing is registered by Spillway")
}

// calls is how often the API server has asked the webhook of a case.
func (s *stage) calls(ctx context.Context, c *subject) (int, error) {
	if c.process == nil {
		return 0, nil
	}
	text, err := s.client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot read the API server's metrics: %w", err)
	}
	families, err := new(expfmt.NewTextParser(model.UTF8Validation)).TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return 0, fmt.Errorf("cannot read the API server's metrics: %w", err)
	}
	calls := 0.0
	for _, metric := range families["apiserver_admission_webhook_request_total"].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "name" && strings.HasPrefix(label.GetValue(), "labelled-") && strings.HasSuffix(label.GetValue(), c.asked) {
				calls += metric.GetCounter().GetValue()
			}
		}
	}
	return int(calls), nil
}
