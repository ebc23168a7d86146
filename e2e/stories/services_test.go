package stories

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	webService = `
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: {cloud.example.com/load-balancer: external}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  externalIPs: [192.0.2.80]
  loadBalancerSourceRanges: [198.51.100.0/24]
  sessionAffinity: ClientIP
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: %d}
`
	headlessService = `
apiVersion: v1
kind: Service
metadata: {name: peers}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {app: web}
  ports:
  - {name: http, port: 80}
`
)

// reflection is a story of a virtual node that reflects Services into a namespace
// that no other virtual node uses.
type reflection struct {
	*story
	node  *playground.VirtualNode
	name  string
	below string
}

func (s *story) hasReflection(name string, args ...string) reflection {
	s.Helper()
	prefix := name + "-"
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: name, Upstream: s.upstream, Downstream: s.downstream,
		Labels: map[string]string{"clusterID": name}, ExtraArgs: append(args, "--namespace-prefix="+prefix),
	})
	s.must("start virtual node "+name, err)
	s.finally(node.Stop)
	return reflection{story: s, node: node, name: name, below: prefix + s.namespace}
}

// TestServicesAreReflected: pods downstream find the Services of a namespace that
// asked for it, with all addresses on both sides, and what becomes of them.
func TestServicesAreReflected(t *testing.T) {
	s := tell(t, nil).hasReflection("asked")
	s.applies(fmt.Sprintf(webService, 8080))
	s.hasWeb()
	if list, err := s.downstream.Client().CoreV1().Services(s.below).List(s.ctx, metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Fatalf("%d Services are downstream though nobody asked for it, want none (%v)", len(list.Items), err)
	}

	s.reflects("true")
	s.agreesOn("web", 4)
	s.hasNothingOfALoadBalancer("web")

	s.applies(fmt.Sprintf(webService, 9090))
	s.agreesOn("web", 4)
	s.must("delete a pod", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "own-1", metav1.DeleteOptions{}))
	s.agreesOn("web", 3)
	s.must("delete the downstream Service", s.copies().Delete(s.ctx, "web", metav1.DeleteOptions{}))
	s.agreesOn("web", 3)

	s.applies(headlessService)
	s.agreesOn("peers", 3)
	s.must("delete the Service upstream", s.upstream.Client().CoreV1().Services(s.namespace).Delete(s.ctx, "web", metav1.DeleteOptions{}))
	s.isNotReflected("web")
	s.agreesOn("peers", 3)
	s.reflects("false")
	s.isNotReflected("peers")
}

// TestForeignServiceStaysUntouched: a downstream Service of the same name that is
// not ours stays as it is, and the upstream Service says so.
func TestForeignServiceStaysUntouched(t *testing.T) {
	s := tell(t, nil).hasReflection("beside")
	s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.below, nil))
	foreign, err := s.copies().Create(s.ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1234}}},
	}, metav1.CreateOptions{})
	s.must("create the foreign Service", err)

	s.applies(fmt.Sprintf(webService, 8080))
	s.applies(headlessService)
	s.reflects("true")
	s.hasWeb()
	s.agreesOn("peers", 4)
	s.eventually("an event explains the conflict", func(ctx context.Context) error {
		described, _, err := s.upstream.Kubectl(ctx, "", "describe", "service", "-n", s.namespace, "web")
		if err != nil {
			return err
		}
		if !strings.Contains(described, "DownstreamConflict") || !strings.Contains(described, s.below+"/web") {
			return fmt.Errorf("kubectl describe says:\n%s", described)
		}
		return nil
	})
	s.reflects("false")
	s.isNotReflected("peers")
	after, err := s.copies().Get(s.ctx, "web", metav1.GetOptions{})
	s.must("get the foreign Service", err)
	if after.ResourceVersion != foreign.ResourceVersion {
		t.Errorf("the foreign Service changed from %s to %s", toJSON(t, foreign), toJSON(t, after))
	}
	if found, err := s.addresses(s.downstream, s.below, "web"); err != nil || len(found) != 0 {
		t.Errorf("the foreign Service was given %d addresses (%v)", len(found), err)
	}
}

// TestServicesOfNamespacesThatOptedIn: a virtual node that reflects Services by
// default does so for namespaces that opted in, from their first pod on; and when
// it is killed and starts again, it takes away what has gone meanwhile and nothing
// else.
func TestServicesOfNamespacesThatOptedIn(t *testing.T) {
	s := tell(t, map[string]string{api.OptInLabel: api.OptedIn}).hasReflection("willing", "--reflect-services")
	s.applies(fmt.Sprintf(webService, 8080) + "---" + headlessService)
	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": s.name}
	s.applies(manifest(t, pod))
	var kept *corev1.Service
	s.eventually("both Services are in "+s.below, func(ctx context.Context) (err error) {
		if _, err := s.copies().Get(ctx, "peers", metav1.GetOptions{}); err != nil {
			return err
		}
		kept, err = s.copies().Get(ctx, "web", metav1.GetOptions{})
		return err
	})

	s.must("kill the virtual node", s.node.Kill())
	s.must("delete a Service upstream", s.upstream.Client().CoreV1().Services(s.namespace).Delete(s.ctx, "peers", metav1.DeleteOptions{}))
	s.must("start the virtual node again", s.node.Start())
	s.isNotReflected("peers")
	again, err := s.copies().Get(s.ctx, "web", metav1.GetOptions{})
	s.must("get the other copy", err)
	if again.ResourceVersion != kept.ResourceVersion {
		t.Errorf("the restart changed the other copy from %s to %s", toJSON(t, kept), toJSON(t, again))
	}
}

// hasWeb runs two pods labelled app=web on own machines, and two on the virtual
// node.
func (s reflection) hasWeb() {
	s.Helper()
	for i := 1; i <= 2; i++ {
		above := newPod(fmt.Sprintf("own-%d", i))
		above.Labels = map[string]string{"app": "web", api.OptInLabel: api.OptedOut}
		above.Spec.NodeSelector = map[string]string{"pool": "own"}
		below := newPod(fmt.Sprintf("virtual-%d", i))
		below.Labels["app"] = "web"
		below.Spec.NodeSelector = map[string]string{"clusterID": s.name}
		s.applies(manifest(s.T, above) + "---\n" + manifest(s.T, below))
	}
	s.eventually("all four pods have addresses", func(context.Context) error {
		found, err := s.addresses(s.upstream, s.namespace, "web")
		if err == nil && len(found) != 4 {
			err = fmt.Errorf("upstream slices have %q", found)
		}
		return err
	})
}

// copies are the Services of the downstream namespace.
func (s reflection) copies() typedcorev1.ServiceInterface {
	return s.downstream.Client().CoreV1().Services(s.below)
}

// reflects has the owner of the namespace say whether Services are reflected.
func (s reflection) reflects(value string) {
	s.Helper()
	_, _, err := s.upstream.Kubectl(s.ctx, "", "annotate", "--overwrite", "namespace", s.namespace, api.ReflectServicesAnnotation+"="+value)
	s.must("annotate the namespace", err)
}

// agreesOn waits until a Service has the same ports and addresses in both
// clusters, so many of them.
func (s reflection) agreesOn(name string, addresses int) {
	s.Helper()
	began := time.Now()
	s.eventually(fmt.Sprintf("Service %s is the same in both clusters", name), func(ctx context.Context) error {
		up, err := s.upstream.Client().CoreV1().Services(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		down, err := s.copies().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		above, errAbove := s.addresses(s.upstream, s.namespace, name)
		below, errBelow := s.addresses(s.downstream, s.below, name)
		if err := errors.Join(errAbove, errBelow); err != nil {
			return err
		}
		if up.Spec.Ports[0].TargetPort != down.Spec.Ports[0].TargetPort || len(above) != addresses || !slices.Equal(above, below) {
			return fmt.Errorf("target port %s upstream and %s downstream, addresses %q and %q", &up.Spec.Ports[0].TargetPort, &down.Spec.Ports[0].TargetPort, above, below)
		}
		return nil
	})
	s.Logf("Service %s with %d addresses agreed after %.1f s", name, addresses, time.Since(began).Seconds())
}

// hasNothingOfALoadBalancer checks what must not be copied, and what makes the
// copy ours.
func (s reflection) hasNothingOfALoadBalancer(name string) {
	s.Helper()
	down, err := s.copies().Get(s.ctx, name, metav1.GetOptions{})
	s.must("get the Service downstream", err)
	spec := &down.Spec
	if spec.Type != corev1.ServiceTypeClusterIP || spec.Ports[0].NodePort != 0 || spec.ExternalTrafficPolicy != "" || spec.HealthCheckNodePort != 0 ||
		len(spec.ExternalIPs) != 0 || len(spec.LoadBalancerSourceRanges) != 0 || len(spec.Selector) != 0 || len(down.Annotations) != 1 {
		s.Errorf("the downstream Service has fields that say more than names and ports: %s", toJSON(s.T, down))
	}
	if spec.ClusterIP == "" || spec.ClusterIP == corev1.ClusterIPNone || spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		s.Errorf("the downstream Service lacks what upstream has: %s", toJSON(s.T, down))
	}
}

// isNotReflected waits until nothing of a Service is downstream.
func (s reflection) isNotReflected(name string) {
	s.Helper()
	s.eventually("nothing of Service "+name+" is downstream", func(ctx context.Context) error {
		_, err := s.copies().Get(ctx, name, metav1.GetOptions{})
		if err := gone(err); err != nil {
			return err
		}
		list, err := s.slices(s.downstream, s.below, name)
		if err == nil && len(list) != 0 {
			err = fmt.Errorf("%d slices are there", len(list))
		}
		return err
	})
}

func gone(err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err == nil:
		return errors.New("it is there")
	default:
		return err
	}
}

func (s reflection) slices(cluster *playground.Cluster, namespace, service string) ([]discoveryv1.EndpointSlice, error) {
	list, err := cluster.Client().DiscoveryV1().EndpointSlices(namespace).List(s.ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// addresses returns the ready addresses of a Service with their ports, sorted.
func (s reflection) addresses(cluster *playground.Cluster, namespace, service string) ([]string, error) {
	list, err := s.slices(cluster, namespace, service)
	var found []string
	for _, slice := range list {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready {
				found = append(found, fmt.Sprintf("%s:%d", endpoint.Addresses[0], *slice.Ports[0].Port))
			}
		}
	}
	slices.Sort(found)
	return found, err
}
