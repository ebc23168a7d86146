package services

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// managedBy is who manages our slices, so that no other controller does.
const managedBy = "spillway.io"

// copyOf returns the downstream Service to create for an upstream one. It has a
// cluster IP of its own, or none as there; ports but no node ports; the address
// families of a Service that has just one, and otherwise those that downstream
// has.
func copyOf(service *corev1.Service, id translate.Identity) *corev1.Service {
	from := &service.Spec
	made := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: id.Namespaces.Downstream(service.Namespace), Name: service.Name},
		Spec: corev1.ServiceSpec{
			Type:                     corev1.ServiceTypeClusterIP,
			Ports:                    portsOf(service),
			SessionAffinity:          from.SessionAffinity,
			SessionAffinityConfig:    from.SessionAffinityConfig.DeepCopy(),
			PublishNotReadyAddresses: from.PublishNotReadyAddresses,
			InternalTrafficPolicy:    from.InternalTrafficPolicy,
			TrafficDistribution:      from.TrafficDistribution,
		},
	}
	id.Mark(&made.ObjectMeta, service.UID)
	switch {
	case from.Type == corev1.ServiceTypeExternalName:
		made.Spec.Type, made.Spec.ExternalName = from.Type, from.ExternalName
	case headless(service):
		// Families are for slices here, and without a selector the API takes them all.
		made.Spec.ClusterIP = corev1.ClusterIPNone
	case from.IPFamilyPolicy != nil && *from.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack:
		made.Spec.IPFamilyPolicy = new(corev1.IPFamilyPolicyPreferDualStack)
	default:
		made.Spec.IPFamilyPolicy = from.IPFamilyPolicy
		made.Spec.IPFamilies = slices.Clone(from.IPFamilies)
	}
	return made
}

func portsOf(service *corev1.Service) []corev1.ServicePort {
	ports := slices.Clone(service.Spec.Ports)
	for i := range ports {
		ports[i].NodePort = 0
	}
	return ports
}

func headless(service *corev1.Service) bool {
	return service.Spec.Type != corev1.ServiceTypeExternalName && service.Spec.ClusterIP == corev1.ClusterIPNone
}

// sameKind says whether one Service can become the other by a patch: it has a
// cluster IP, none on purpose, or is an alias of an external name.
func sameKind(a, b *corev1.Service) bool {
	external := func(s *corev1.Service) bool { return s.Spec.Type == corev1.ServiceTypeExternalName }
	return headless(a) == headless(b) && external(a) == external(b)
}

// updated returns our Service as it should be: as it is, with everything that
// the upstream one determines. Cluster IPs and families are downstream's.
func updated(ours, wanted *corev1.Service) *corev1.Service {
	next := ours.DeepCopy()
	remark(&next.ObjectMeta, &wanted.ObjectMeta)
	next.Spec.Selector = nil
	next.Spec.Type = wanted.Spec.Type
	next.Spec.Ports = wanted.Spec.Ports
	next.Spec.ExternalName = wanted.Spec.ExternalName
	next.Spec.SessionAffinity = wanted.Spec.SessionAffinity
	next.Spec.SessionAffinityConfig = wanted.Spec.SessionAffinityConfig
	next.Spec.PublishNotReadyAddresses = wanted.Spec.PublishNotReadyAddresses
	next.Spec.InternalTrafficPolicy = wanted.Spec.InternalTrafficPolicy
	next.Spec.TrafficDistribution = wanted.Spec.TrafficDistribution
	if wanted.Spec.IPFamilyPolicy != nil {
		next.Spec.IPFamilyPolicy = wanted.Spec.IPFamilyPolicy
	}
	return next
}

// remark has an object of ours stand for another upstream object of that name.
func remark(ours, wanted *metav1.ObjectMeta) {
	ours.Annotations[api.UpstreamUIDAnnotation] = wanted.Annotations[api.UpstreamUIDAnnotation]
}

// sliceCopyOf returns the downstream EndpointSlice for an upstream one of the
// Service. Addresses, ports, conditions, host names and zones are kept. What
// names a node, a pod or a hint is about the upstream cluster and is not.
func sliceCopyOf(slice *discoveryv1.EndpointSlice, id translate.Identity) *discoveryv1.EndpointSlice {
	made := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: id.Namespaces.Downstream(slice.Namespace), Name: slice.Name,
			Labels: map[string]string{
				discoveryv1.LabelServiceName: slice.Labels[discoveryv1.LabelServiceName],
				discoveryv1.LabelManagedBy:   managedBy,
			},
		},
		AddressType: slice.AddressType,
		Ports:       slice.Ports,
		Endpoints:   make([]discoveryv1.Endpoint, len(slice.Endpoints)),
	}
	if _, marked := slice.Labels[corev1.IsHeadlessService]; marked {
		made.Labels[corev1.IsHeadlessService] = slice.Labels[corev1.IsHeadlessService]
	}
	for i := range slice.Endpoints {
		from := &slice.Endpoints[i]
		made.Endpoints[i] = discoveryv1.Endpoint{Addresses: from.Addresses, Conditions: from.Conditions, Hostname: from.Hostname, Zone: from.Zone}
	}
	id.Mark(&made.ObjectMeta, slice.UID)
	return made
}

// updatedSlice returns our slice as it should be.
func updatedSlice(ours, wanted *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
	next := ours.DeepCopy()
	remark(&next.ObjectMeta, &wanted.ObjectMeta)
	for _, key := range []string{discoveryv1.LabelServiceName, discoveryv1.LabelManagedBy, corev1.IsHeadlessService} {
		delete(next.Labels, key)
		if value, ok := wanted.Labels[key]; ok {
			next.Labels[key] = value
		}
	}
	next.Ports, next.Endpoints = wanted.Ports, wanted.Endpoints
	return next
}

// equal compares as the API does: no list and an empty one are the same.
func equal(a, b any) bool { return apiequality.Semantic.DeepEqual(a, b) }
