package services

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/api"
)

func marks(uid string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "up-shop", Name: "web",
		Labels:      map[string]string{api.UpstreamLabel: "cluster", api.VirtualNodeLabel: "east"},
		Annotations: map[string]string{api.UpstreamUIDAnnotation: uid},
	}
}

func TestCopyOf(t *testing.T) {
	ports := []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), AppProtocol: new("http")}}
	cases := map[string]struct {
		reason  string
		service func(*corev1.Service)
		want    corev1.ServiceSpec
	}{
		"load-balancer": {
			reason: "nothing of a load balancer, and no port outside, is for downstream",
			service: func(s *corev1.Service) {
				s.Labels, s.Annotations = map[string]string{"app": "web"}, map[string]string{"cloud": "lb"}
				s.Spec = corev1.ServiceSpec{
					Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}, Selector: map[string]string{"app": "web"},
					Ports:                 []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), AppProtocol: new("http"), NodePort: 30080}},
					ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal, HealthCheckNodePort: 30081, ExternalIPs: []string{"192.0.2.1"},
					LoadBalancerIP: "192.0.2.2", LoadBalancerSourceRanges: []string{"192.0.2.0/24"}, LoadBalancerClass: new("example.com/lb"),
					AllocateLoadBalancerNodePorts: new(true), IPFamilyPolicy: new(corev1.IPFamilyPolicySingleStack), IPFamilies: []corev1.IPFamily{corev1.IPv6Protocol},
					SessionAffinity: corev1.ServiceAffinityClientIP, PublishNotReadyAddresses: true,
					InternalTrafficPolicy: new(corev1.ServiceInternalTrafficPolicyCluster), TrafficDistribution: new("PreferSameZone"),
				}
			},
			want: corev1.ServiceSpec{
				Type: corev1.ServiceTypeClusterIP, Ports: ports, SessionAffinity: corev1.ServiceAffinityClientIP, PublishNotReadyAddresses: true,
				InternalTrafficPolicy: new(corev1.ServiceInternalTrafficPolicyCluster), TrafficDistribution: new("PreferSameZone"),
				IPFamilyPolicy: new(corev1.IPFamilyPolicySingleStack), IPFamilies: []corev1.IPFamily{corev1.IPv6Protocol},
			},
		},
		"dual-stack": {
			reason: "downstream may have one family only",
			service: func(s *corev1.Service) {
				s.Spec = corev1.ServiceSpec{
					ClusterIP: "10.0.0.1", Ports: ports, IPFamilyPolicy: new(corev1.IPFamilyPolicyRequireDualStack),
					IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol},
				}
			},
			want: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: ports, IPFamilyPolicy: new(corev1.IPFamilyPolicyPreferDualStack)},
		},
		"headless": {
			reason:  "headless stays headless",
			service: func(s *corev1.Service) { s.Spec.Ports = ports; headlessly(s) },
			want:    corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: ports, ClusterIP: "None"},
		},
		"external-name": {
			reason: "an alias stays one",
			service: func(s *corev1.Service) {
				s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "db.example.com"}
			},
			want: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "db.example.com"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			upstream := service(tc.service)
			before := upstream.DeepCopy()
			want := &corev1.Service{ObjectMeta: marks("above"), Spec: tc.want}
			if diff := cmp.Diff(want, copyOf(upstream, testIdentity())); diff != "" {
				t.Errorf("%s: copyOf(): -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, upstream); diff != "" {
				t.Errorf("copyOf() modified the Service: -before +after:\n%s", diff)
			}
		})
	}
}

// TestSliceCopyOf: what names a node, a pod or a hint stays upstream.
func TestSliceCopyOf(t *testing.T) {
	upstream := slice("web", "10.1.0.1")
	upstream.Labels[corev1.IsHeadlessService] = ""
	upstream.Labels[discoveryv1.LabelManagedBy] = "endpointslice-controller.k8s.io"
	upstream.OwnerReferences = []metav1.OwnerReference{{Kind: "Service", Name: "web"}}
	upstream.Ports = []discoveryv1.EndpointPort{{Port: new(int32(8080))}}
	endpoint := &upstream.Endpoints[0]
	endpoint.Conditions.Ready, endpoint.Hostname, endpoint.Zone = new(true), new("web-0"), new("a")
	endpoint.NodeName, endpoint.TargetRef = new("own-1"), &corev1.ObjectReference{Kind: "Pod", Name: "web-0"}
	endpoint.Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "a"}}}

	want := &discoveryv1.EndpointSlice{
		ObjectMeta: marks("slice"), AddressType: discoveryv1.AddressTypeIPv4, Ports: upstream.Ports,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{"10.1.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}, Hostname: new("web-0"), Zone: new("a"),
		}},
	}
	want.Labels[discoveryv1.LabelServiceName] = "web"
	want.Labels[discoveryv1.LabelManagedBy] = "spillway.io"
	want.Labels[corev1.IsHeadlessService] = ""
	if diff := cmp.Diff(want, sliceCopyOf(upstream, testIdentity())); diff != "" {
		t.Errorf("sliceCopyOf(): -want +got:\n%s", diff)
	}
}

func TestChoose(t *testing.T) {
	optedIn := map[string]string{api.OptInLabel: "true"}
	says := func(value string) map[string]string {
		return map[string]string{api.ReflectServicesAnnotation: value}
	}
	cases := map[string]struct {
		namespace metav1.ObjectMeta
		byDefault bool
		want      Choice
	}{
		"off":                   {metav1.ObjectMeta{Labels: optedIn}, false, Never},
		"on":                    {metav1.ObjectMeta{Labels: optedIn}, true, WithPods},
		"on-not-opted-in":       {metav1.ObjectMeta{}, true, Never},
		"on-opted-out":          {metav1.ObjectMeta{Labels: map[string]string{api.OptInLabel: "false"}}, true, Never},
		"annotation-true":       {metav1.ObjectMeta{Annotations: says("true")}, false, Always},
		"annotation-false":      {metav1.ObjectMeta{Labels: optedIn, Annotations: says("false")}, true, Never},
		"annotation-misspelled": {metav1.ObjectMeta{Annotations: says("yes")}, false, Never},
		"the-cluster's-own":     {metav1.ObjectMeta{Name: "kube-system", Annotations: says("true")}, true, Never},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Choose(&tc.namespace, tc.byDefault); got != tc.want {
				t.Errorf("Choose() = %d, want %d", got, tc.want)
			}
		})
	}
	if reflected(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"}}) {
		t.Error("the API server's own Service is reflected")
	}
}
