package vksuite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/machine"
	"github.com/spillway-io/spillway/e2e/playground"
)

// doorPort is where the suite expects the kubelet API of a pod that has the
// node's name.
const doorPort = "10250"

// openDoor lets the suite in: requests to the door are passed on to the virtual
// node in the administrator's name. It returns what closes the door.
func openDoor(ctx context.Context, upstream *playground.Cluster, node *playground.VirtualNode, dir string) (shut func() error, err error) {
	if err := makeDoorPod(ctx, upstream); err != nil {
		return nil, fmt.Errorf("cannot make a pod that stands for the node: %w", err)
	}
	handler, err := asAdministrator(upstream, node)
	if err != nil {
		return nil, err
	}
	if err := playground.ServingCert(dir, machine.Address); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(machine.Address, doorPort))
	if err != nil {
		return nil, fmt.Errorf("cannot open the door: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(listener, dir+"/tls.crt", dir+"/tls.key") }()
	return func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// asAdministrator passes requests on with the administrator's certificate.
func asAdministrator(upstream *playground.Cluster, node *playground.VirtualNode) (http.Handler, error) {
	target, err := url.Parse(node.Kubelet)
	if err != nil {
		return nil, err
	}
	admin := upstream.AdminConfig().TLSClientConfig
	pair, err := tls.X509KeyPair(admin.CertData, admin.KeyData)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(upstream.CA())
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, Certificates: []tls.Certificate{pair}}},
	}, nil
}

// makeDoorPod creates a pod that nobody runs, with this machine's address. No
// scheduler takes it.
func makeDoorPod(ctx context.Context, upstream *playground.Cluster) error {
	pods := upstream.Client().CoreV1().Pods(corev1.NamespaceDefault)
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: virtualNode},
		Spec: corev1.PodSpec{
			SchedulingGates: []corev1.PodSchedulingGate{{Name: "spillway.io/never"}},
			Containers:      []corev1.Container{{Name: "door", Image: "none"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	pod.Status.PodIP = machine.Address
	pod.Status.PodIPs = []corev1.PodIP{{IP: machine.Address}}
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}
