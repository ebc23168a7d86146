package stories

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// signedFor is short, so that the second certificate comes soon. The signer begins a
// certificate 5 minutes earlier, and client-go asks for another one after 70 to 90 %
// of it all.
const signedFor = "1m"

// TestKubeletCertificate: an API server that verifies kubelets refuses the virtual
// node until somebody approves its request; the cluster's signer signs it, logs work,
// and go on working with each certificate that follows.
func TestKubeletCertificate(t *testing.T) {
	t.Parallel()
	on := shared
	on.upstream = verifying(t)
	s := tellOn(t, on, nil)
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: "signed", Upstream: s.upstream, Downstream: s.downstream,
		ExtraArgs: []string{"--tls-cert-file=", "--tls-private-key-file=", "--kubelet-certificate=csr"},
	})
	s.must("start the virtual node", err)
	s.finally(node.Stop)
	s.hasPod("talker", "signed")

	first := s.requests(1)
	s.eventually("an event of the node names the request", func(ctx context.Context) error {
		return s.nodeIsWarned(ctx, "signed", "kubectl certificate approve "+first)
	})
	_, _, err = s.upstream.Kubectl(s.ctx, "", "logs", "talker", "-n", s.namespace)
	if err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("with a certificate that nobody has signed, kubectl logs says %v", err)
	}

	s.approves(first)
	serial := s.showsSigned(node.Kubelet, "")
	s.readsLogs("talker")
	s.approves(s.requests(2))
	s.showsSigned(node.Kubelet, serial)
	s.readsLogs("talker")
}

// verifying starts an upstream cluster whose API server verifies kubelets, and whose
// signer certifies nobody for long.
func verifying(t *testing.T) *playground.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	ca := filepath.Join(shared.dir, "verifying", "pki", "ca.crt")
	cluster, err := playground.Start(ctx, playground.Options{
		Name: "verifying", Dir: shared.dir, Binaries: shared.binaries.Upstream,
		Without: []playground.Component{playground.Scheduler, playground.Kwok},
		ExtraArgs: map[playground.Component][]string{
			playground.APIServer:         {"--kubelet-certificate-authority=" + ca},
			playground.ControllerManager: {"--cluster-signing-duration=" + signedFor},
		},
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

// hasPod creates a pod bound to a node, and waits until it runs.
func (s *story) hasPod(name, node string) {
	s.Helper()
	pods := s.upstream.Client().CoreV1().Pods(s.namespace)
	_, err := pods.Create(s.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Image: "none"}}},
	}, metav1.CreateOptions{})
	s.must("create pod "+name, err)
	s.eventually(name+" runs", func(ctx context.Context) error {
		pod, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodRunning {
			err = fmt.Errorf("it is %s", pod.Status.Phase)
		}
		return err
	})
}

// requests waits until there are n requests for certificates, and returns the name
// of the one that nobody has judged.
func (s *story) requests(n int) (name string) {
	s.Helper()
	s.eventually(fmt.Sprintf("there are %d requests, one of them open", n), func(ctx context.Context) error {
		list, err := s.upstream.Client().CertificatesV1().CertificateSigningRequests().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		name = ""
		for i := range list.Items {
			if len(list.Items[i].Status.Conditions) == 0 {
				name = list.Items[i].Name
			}
		}
		if len(list.Items) < n || name == "" {
			return fmt.Errorf("%d requests, open: %q", len(list.Items), name)
		}
		return nil
	})
	if !strings.HasPrefix(name, "spillway-signed-") {
		s.Errorf("the request is called %q", name)
	}
	return name
}

// approves is what an operator does.
func (s *story) approves(request string) {
	s.Helper()
	_, _, err := s.upstream.Kubectl(s.ctx, "", "certificate", "approve", request)
	s.must("approve "+request, err)
	got, err := s.upstream.Client().CertificatesV1().CertificateSigningRequests().Get(s.ctx, request, metav1.GetOptions{})
	s.must("read "+request, err)
	if got.Spec.SignerName != certificatesv1.KubeletServingSignerName {
		s.Errorf("%s is for %s", request, got.Spec.SignerName)
	}
}

// showsSigned waits until the kubelet API shows a certificate that the cluster has
// signed, other than the one with the given serial number, and returns its own.
func (s *story) showsSigned(kubelet, other string) (serial string) {
	s.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.upstream.CA())
	dialer := &tls.Dialer{NetDialer: &net.Dialer{}, Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	s.eventually("the kubelet API shows a certificate of the cluster", func(ctx context.Context) error {
		connection, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(kubelet, "https://"))
		if err != nil {
			return err
		}
		shown := connection.(*tls.Conn).ConnectionState().PeerCertificates[0]
		serial = shown.SerialNumber.String()
		if shown.Subject.CommonName != "system:node:signed" || shown.Subject.Organization[0] != "system:nodes" {
			s.Errorf("it is for %s", shown.Subject)
		}
		if serial == other {
			err = errors.New("still the former one")
		}
		return errors.Join(err, connection.Close())
	})
	return serial
}

// readsLogs reads a pod's logs as a user does, through the API server that verifies.
func (s *story) readsLogs(pod string) {
	s.Helper()
	text, _, err := s.upstream.Kubectl(s.ctx, "", "logs", pod, "-n", s.namespace)
	s.must("read the logs", err)
	if !strings.Contains(text, "life 2 line 3") {
		s.Errorf("the logs are %q", text)
	}
}

func (s *story) nodeIsWarned(ctx context.Context, node, text string) error {
	events, err := s.upstream.Client().CoreV1().Events(corev1.NamespaceDefault).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + node})
	if err != nil {
		return err
	}
	for i := range events.Items {
		if events.Items[i].Reason == "KubeletCertificateWaits" && strings.Contains(events.Items[i].Message, text) {
			return nil
		}
	}
	return fmt.Errorf("none of %d events", len(events.Items))
}
