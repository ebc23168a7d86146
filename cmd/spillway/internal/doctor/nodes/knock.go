package nodes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/dial"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// knockTimeout is how long a kubelet API may take to answer, each way.
const knockTimeout = 5 * time.Second

// Kubelet asks each kubelet API for its pods, without credentials: at the Node's own
// address or, where that cannot be reached from here, through a pod of its Deployment.
func Kubelet(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	o.Hidden("which virtual nodes there are", s.NodesErr, "list nodes")
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Node != nil {
			kubelet(ctx, s, n, &o)
		}
	}
	if len(s.Nodes) == 0 && s.NodesErr == nil {
		o.Nothing("kubelet APIs", "there is no virtual node", "")
	}
	return o
}

func kubelet(ctx context.Context, s *site.Site, n *site.VirtualNode, o *finding.Outcome) {
	what := "whether the kubelet API of virtual node " + n.Name + " turns strangers away"
	port := n.Node.Status.DaemonEndpoints.KubeletEndpoint.Port
	host := ""
	for _, a := range n.Node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			host = a.Address
		}
	}
	if port == 0 || host == "" {
		o.Nothing("the kubelet API of virtual node "+n.Name, "it has none", "")
		return
	}
	address := net.JoinHostPort(host, strconv.Itoa(int(port)))
	answer, err := knock(ctx, address, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
	if err != nil {
		through, errThrough := throughPod(ctx, s, n, address, port)
		if errThrough != nil {
			o.Unseen = append(o.Unseen, finding.Unseen{
				What: what, Why: finding.Plain(errors.Join(err, errThrough)), Hides: true,
				Fix: "run this where " + address + " answers, or as somebody who may list pods, and get and create pods/portforward, where it runs",
			})
			return
		}
		answer = through
	}
	answer.Node, answer.Address, answer.Host, answer.Now = n.Name, address, host, s.Now()
	found := JudgeAnswer(answer)
	o.Add(found...)
	if len(found) == 0 {
		o.Fact("that of virtual node %s at %s answers a stranger with %d", n.Name, address, answer.Status)
	}
}

// throughPod asks by a port-forward to a pod of the node's Deployment.
func throughPod(ctx context.Context, s *site.Site, n *site.VirtualNode, address string, port int32) (Answer, error) {
	if n.Deployment == nil {
		return Answer{}, errors.New("and there is no Deployment of it whose pods could be asked")
	}
	pods, err := s.Upstream.Client.CoreV1().Pods(n.Deployment.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: api.VirtualNodeLabel + "=" + n.Name + "," + site.ComponentLabel + "=" + site.ComponentNode,
	})
	if err != nil {
		return Answer{}, fmt.Errorf("cannot list the pods of its Deployment: %w", err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Status.Phase != corev1.PodRunning {
			continue
		}
		return knock(ctx, address, func(ctx context.Context) (net.Conn, error) {
			return dial.Pod(ctx, s.Upstream.Config, pod.Namespace, pod.Name, port)
		})
	}
	return Answer{}, errors.New("and no pod of its Deployment runs")
}

// knock asks for the pods of a kubelet, which nobody may have without credentials.
func knock(ctx context.Context, address string, open func(context.Context) (net.Conn, error)) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return open(ctx) },
		// Judged afterwards: a certificate that is wrong is what is looked for.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/pods", http.NoBody)
	if err != nil {
		return Answer{}, fmt.Errorf("cannot make a request: %w", err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }() // Nothing was written that could be lost.
	answer := Answer{Status: response.StatusCode}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		answer.Certificate = response.TLS.PeerCertificates[0]
	}
	return answer, nil
}
