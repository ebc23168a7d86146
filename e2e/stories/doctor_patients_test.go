package stories

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/e2e/playground"
)

// patient is a server whose certificate the doctor looks at: a Service of this name,
// a ready pod behind it, and a webhook.
type patient struct {
	name string
	// host is what its certificate is for; empty is the Service.
	host string
	// ago is when it was made, for an hour.
	ago time.Duration
	// foreign has the caBundle name another CA.
	foreign bool
	// want is the cause that the doctor finds; empty: none.
	want string

	port   int
	bundle []byte
}

// examined starts a cluster whose kubelet leads from ports of pods to servers here.
func examined(t *testing.T, forwards string) *playground.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cluster, err := playground.Start(ctx, playground.Options{
		Name: "examined", Dir: shared.dir, Binaries: shared.binaries.Upstream, Nodes: []*corev1.Node{playground.FakeNode("metal")},
		Without: []playground.Component{playground.Scheduler},
		KubeletAPI: "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterPortForward\nmetadata: {name: all}\n" +
			"spec:\n  forwards:\n" + forwards,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := within(cluster.Stop)(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// opens has the patient serve, with the certificate that it is to have.
func (p *patient) opens(t *testing.T) {
	t.Helper()
	host := p.host
	if host == "" {
		host = p.name + ".testdoctor.svc"
	}
	then := time.Now().Add(-p.ago - time.Minute)
	ca, err := certs.NewAuthority(rand.Reader, then, 24*time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Serving(rand.Reader, []string{host}, then, time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.foreign {
		if ca, err = certs.NewAuthority(rand.Reader, then, 24*time.Hour, 0); err != nil {
			t.Fatal(err)
		}
	}
	p.bundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw})
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Certificate.Raw}, PrivateKey: pair.Key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the doctor hangs up without a request
	server.StartTLS()
	t.Cleanup(server.Close)
	var port int
	if _, err := fmt.Sscanf(server.Listener.Addr().String(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	p.port = port
}

// registers has a Service with a pod that listens at port, and a webhook there.
func (s *story) registers(p *patient, port int) {
	s.Helper()
	service := serviceOf(p.name)
	service.Spec.Selector = map[string]string{"app": p.name}
	service.Spec.Ports[0].TargetPort.IntVal = int32(port)
	_, err := s.upstream.Client().CoreV1().Services(s.namespace).Create(s.ctx, service, metav1.CreateOptions{})
	s.must("create Service "+p.name, err)
	_, err = s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Labels: map[string]string{"app": p.name}},
		Spec:       corev1.PodSpec{NodeName: "metal", Containers: []corev1.Container{{Name: "app", Image: "none"}}},
	}, metav1.CreateOptions{})
	s.must("create pod "+p.name, err)
	s.registersAt(p.name, p.bundle, admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: s.namespace, Name: p.name}})
	s.eventually("Service "+p.name+" has a ready pod", func(ctx context.Context) error {
		list, err := s.upstream.Client().DiscoveryV1().EndpointSlices(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + p.name})
		if err != nil {
			return err
		}
		for i := range list.Items {
			for _, endpoint := range list.Items[i].Endpoints {
				if endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready {
					return nil
				}
			}
		}
		return errors.New("none yet")
	})
}

func serviceOf(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}},
	}
}

// registersAt registers a webhook for objects that do not exist.
func (s *story) registersAt(name string, bundle []byte, config admissionregistrationv1.WebhookClientConfig) {
	s.Helper()
	config.CABundle = bundle
	_, err := s.upstream.Client().AdmissionregistrationV1().MutatingWebhookConfigurations().Create(s.ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: name + ".spillway.io", ClientConfig: config, AdmissionReviewVersions: []string{"v1"},
			SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"nobody.example.com"}, APIVersions: []string{"v1"}, Resources: []string{"nothings"}},
			}},
		}},
	}, metav1.CreateOptions{})
	s.must("register "+name, err)
}
