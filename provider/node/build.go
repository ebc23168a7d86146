package node

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/capacity"
)

// Spec is what stays the same about a virtual node while the process lives.
type Spec struct {
	// Name is the node's name.
	Name string
	// Labels are configured ones; those of every virtual node win.
	Labels map[string]string
	// RoutingKeys are labels that only configuration may set: by them the upstream
	// scheduler and Recover have to come to the same verdict about a pod.
	RoutingKeys []string
	// InternalIP is the node's only address besides its name.
	InternalIP string
	// KubeletPort is where the kubelet API answers at that address; 0: nowhere.
	KubeletPort int32
	// Version is Spillway's own version.
	Version string
}

// State is what changes.
type State struct {
	Ready Readiness
	// Offer is what the downstream cluster can take. What is free there is both the
	// capacity and the allocatable resources.
	Offer capacity.Offer
	// DownstreamID is the downstream cluster's id; empty while unknown.
	DownstreamID string
	// DownstreamVersion is the downstream API server's version, such as v1.37.0;
	// empty while unknown.
	DownstreamVersion string
	// Since is when the node came to be; conditions that never change carry it.
	Since metav1.Time
	// Now is the heartbeat.
	Now metav1.Time
}

// Reasons of the Ready condition.
const (
	ReasonReachable   = "DownstreamReachable"
	ReasonUnreachable = "DownstreamUnreachable"
	// ReasonCredentialsRejected: the downstream API server answers, but does not know
	// us, or does not let us see pods.
	ReasonCredentialsRejected = "DownstreamCredentialsRejected"
	// ReasonNotClaimed: the downstream API server answers, but this process may not
	// write there, see package claim; no pod would be started.
	ReasonNotClaimed = "DownstreamNotClaimed"
	// ReasonNoUsableNode: the downstream API server answers, but no node there takes
	// pods. The virtual node stays Ready, or its pods, which may run well on cordoned
	// nodes, would be evicted; nothing is allocatable, so that no more come.
	ReasonNoUsableNode = "NoUsableDownstreamNode"
)

// AllLabels are those of every virtual node, and the configured ones. They are a
// function of the configuration only, see RoutingKeys.
func (s Spec) AllLabels() map[string]string {
	labels := map[string]string{
		corev1.LabelOSStable:   "linux",
		corev1.LabelArchStable: "amd64",
	}
	maps.Copy(labels, s.Labels)
	maps.Copy(labels, map[string]string{
		api.NodeTypeLabel:                 api.NodeTypeVirtual,
		api.NodeRoleLabel:                 api.NodeRoleAgent,
		corev1.LabelHostname:              s.Name,
		api.ExcludeFromLoadBalancersLabel: "true",
	})
	return labels
}

// currentLabels are AllLabels, and those on which the downstream nodes agree where
// nothing is configured. Architecture and operating system have a default while
// nothing is known of any node; when the nodes disagree there is no such label,
// since each value would be a lie about some of the pods.
func (s Spec) currentLabels(agreed map[string]string) map[string]string {
	labels := s.AllLabels()
	if agreed == nil {
		return labels
	}
	for _, key := range capacity.AgreedKeys() {
		if _, configured := s.Labels[key]; configured || slices.Contains(s.RoutingKeys, key) {
			continue
		}
		delete(labels, key)
		if value, ok := agreed[key]; ok {
			labels[key] = value
		}
	}
	return labels
}

// Taint keeps pods off the node that did not opt in.
func Taint() corev1.Taint {
	return corev1.Taint{Key: api.ProviderTaintKey, Value: api.ProviderTaintValue, Effect: corev1.TaintEffectNoSchedule}
}

// Build returns the whole Node object. It shares no memory with its arguments:
// virtual-kubelet writes into what it is given.
func Build(spec Spec, state State) *corev1.Node {
	labels := spec.currentLabels(state.Offer.Labels)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: spec.Name, Labels: labels, Annotations: annotations(state)},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{Taint()}},
		Status: corev1.NodeStatus{
			Capacity:    state.Offer.Free.DeepCopy(),
			Allocatable: state.Offer.Free.DeepCopy(),
			Conditions:  conditions(state),
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: spec.InternalIP},
				{Type: corev1.NodeHostName, Address: spec.Name},
			},
			DaemonEndpoints:  corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: spec.KubeletPort}},
			DeclaredFeatures: slices.Clone(state.Offer.Features),
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion:  kubeletVersion(state.DownstreamVersion, spec.Version),
				OperatingSystem: labels[corev1.LabelOSStable],
				Architecture:    labels[corev1.LabelArchStable],
			},
		},
	}
}

// annotations publish the largest pod and remember the downstream cluster, as far
// as they are known.
func annotations(state State) map[string]string {
	all := map[string]string{}
	if state.DownstreamID != "" {
		all[api.DownstreamAnnotation] = state.DownstreamID
	}
	// Quantities have no form that cannot be written.
	if text, err := json.Marshal(state.Offer.Largest); err == nil && state.Offer.Largest != nil {
		all[api.LargestPodAnnotation] = string(text)
	}
	return all
}

// offerOf is what the Node says of the downstream cluster.
func offerOf(existing *corev1.Node) capacity.Offer {
	offer := capacity.Offer{Free: existing.Status.Allocatable, Labels: map[string]string{}, Features: existing.Status.DeclaredFeatures}
	for _, key := range capacity.AgreedKeys() {
		if value, ok := existing.Labels[key]; ok {
			offer.Labels[key] = value
		}
	}
	var largest corev1.ResourceList
	if err := json.Unmarshal([]byte(existing.Annotations[api.LargestPodAnnotation]), &largest); err == nil {
		offer.Largest = largest
	}
	for _, c := range existing.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Reason == ReasonNoUsableNode {
			offer.Unusable = c.Message
		}
	}
	return offer
}

// versionMark stands between the downstream version and ours.
const versionMark = "-spillway-"

// kubeletVersion starts with the downstream cluster's version, which says what
// pods may use, and stays parseable where version skew is judged.
func kubeletVersion(downstream, own string) string {
	if downstream == "" {
		downstream = "v0.0.0"
	}
	return downstream + versionMark + strings.Map(versionRune, own)
}

// IsOfVersion says that a process of that version of Spillway wrote the Node last.
func IsOfVersion(existing *corev1.Node, own string) bool {
	return strings.HasSuffix(existing.Status.NodeInfo.KubeletVersion, versionMark+strings.Map(versionRune, own))
}

// downstreamVersionOf is what kubeletVersion made the node's version from.
func downstreamVersionOf(existing *corev1.Node) string {
	downstream, _, made := strings.Cut(existing.Status.NodeInfo.KubeletVersion, versionMark)
	if !made {
		return ""
	}
	return downstream
}

// versionRune keeps what may stand in a semantic version's suffix: builds call
// themselves "(devel)" too.
func versionRune(r rune) rune {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '.', r == '-':
		return r
	case r == '+':
		return '-'
	default:
		return -1
	}
}

func conditions(state State) []corev1.NodeCondition {
	ready := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: ReasonReachable,
		Message:            "the downstream API server is ready",
		LastTransitionTime: state.Ready.Since,
	}
	switch {
	case !state.Ready.OK:
		ready.Status, ready.Reason, ready.Message = corev1.ConditionFalse, cmp.Or(state.Ready.Reason, ReasonUnreachable), state.Ready.Cause
	case state.Offer.Unusable != "":
		ready.Reason, ready.Message = ReasonNoUsableNode, state.Offer.Unusable
	}
	all := []corev1.NodeCondition{ready}
	for _, t := range []corev1.NodeConditionType{
		corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
		// Stated, or the cloud's route controller taints the node for want of it.
		corev1.NodeNetworkUnavailable,
	} {
		all = append(all, corev1.NodeCondition{
			Type: t, Status: corev1.ConditionFalse, Reason: "VirtualNode", Message: "the downstream cluster takes care of it",
			LastTransitionTime: state.Since,
		})
	}
	for i := range all {
		all[i].LastHeartbeatTime = state.Now
	}
	return all
}
