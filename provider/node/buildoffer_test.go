package node

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/capacity"
)

// TestBuildAgreedLabels: what the downstream nodes have in common, and whom it
// gives way to.
func TestBuildAgreedLabels(t *testing.T) {
	zone, arch, system := "topology.kubernetes.io/zone", "kubernetes.io/arch", "kubernetes.io/os"
	cases := map[string]struct {
		reason string
		spec   Spec
		agreed map[string]string
		want   map[string]string
	}{
		"nothing-known": {
			reason: "Architecture and operating system have a default until something is known.",
			want:   map[string]string{arch: "amd64", system: "linux"},
		},
		"agreed": {
			reason: "What is known takes the default's place.",
			agreed: map[string]string{arch: "arm64", system: "linux", zone: "b"},
			want:   map[string]string{arch: "arm64", system: "linux", zone: "b"},
		},
		"disagree": {
			reason: "No label is better than a false one.",
			agreed: map[string]string{system: "linux"},
			want:   map[string]string{system: "linux"},
		},
		"configured": {
			reason: "The operator knows better.",
			spec:   Spec{Labels: map[string]string{zone: "home", arch: "s390x"}},
			agreed: map[string]string{arch: "arm64", system: "linux", zone: "b"},
			want:   map[string]string{arch: "s390x", system: "linux", zone: "home"},
		},
		"routing-keys": {
			reason: "Pods come by them, and are turned away if Recover, which knows the configuration only, comes to another verdict.",
			spec:   Spec{RoutingKeys: []string{"type", arch, zone}},
			agreed: map[string]string{arch: "arm64", system: "linux", zone: "b"},
			want:   map[string]string{arch: "amd64", system: "linux"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			node := Build(tc.spec, State{Offer: capacity.Offer{Labels: tc.agreed}})
			got := map[string]string{}
			for _, key := range capacity.AgreedKeys() {
				if value, ok := node.Labels[key]; ok {
					got[key] = value
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if info := node.Status.NodeInfo; info.Architecture != tc.want[arch] || info.OperatingSystem != tc.want[system] {
				t.Errorf("the node's info says %s/%s", info.OperatingSystem, info.Architecture)
			}
			if node.Labels[api.NodeTypeLabel] != api.NodeTypeVirtual {
				t.Error("the labels of every virtual node are gone")
			}
		})
	}
}

func TestBuildAnnotations(t *testing.T) {
	cases := map[string]struct {
		reason  string
		largest corev1.ResourceList
		cluster string
		want    map[string]string
	}{
		"unknown": {reason: "Nothing is said that is not known.", want: map[string]string{}},
		"cluster": {reason: "The next process has to find the same cluster.", cluster: "uid", want: map[string]string{"spillway.io/downstream": "uid"}},
		"none":    {"No pod fits; that is known.", corev1.ResourceList{}, "", map[string]string{"spillway.io/largest-pod": `{}`}},
		"some": {
			"Sorted, and written as in YAML.",
			corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1"), "memory": resource.MustParse("4Gi"), "cpu": resource.MustParse("1500m")},
			"",
			map[string]string{"spillway.io/largest-pod": `{"cpu":"1500m","memory":"4Gi","nvidia.com/gpu":"1"}`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Build(Spec{}, State{DownstreamID: tc.cluster, Offer: capacity.Offer{Largest: tc.largest}}).Annotations
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestOfferSurvivesARestart: until the caches are filled, the Node goes on saying
// what it said.
func TestOfferSurvivesARestart(t *testing.T) {
	spec := Spec{Name: "east", Labels: map[string]string{"topology.kubernetes.io/region": "configured"}}
	for name, offer := range map[string]capacity.Offer{
		"offering": {
			Free:    corev1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("4Gi")},
			Largest: corev1.ResourceList{"cpu": resource.MustParse("2")},
			Labels:  map[string]string{"kubernetes.io/arch": "arm64", "topology.kubernetes.io/zone": "b"},
		},
		"full": {
			Free: corev1.ResourceList{"cpu": resource.MustParse("0")}, Largest: corev1.ResourceList{},
			Labels: map[string]string{}, Unusable: "no downstream node takes pods: 1 cordoned",
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := Build(spec, State{Ready: Readiness{OK: true, Since: probed(0)}, Offer: offer, Since: probed(-1), Now: probed(1)})
			before.CreationTimestamp = probed(-1)
			after := Build(spec, firstState(before, verdict{}, probed(1).Time))
			after.CreationTimestamp = probed(-1)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("-before +after:\n%s", diff)
			}
		})
	}
	t.Run("unreadable", func(t *testing.T) {
		existing := Build(spec, State{})
		existing.Annotations = map[string]string{api.LargestPodAnnotation: "much"}
		if got := firstState(existing, verdict{}, probed(1).Time).Offer.Largest; got != nil {
			t.Errorf("largest pod %v, want none known", got)
		}
	})
}

// TestFirstStateCluster: a restart during an outage must not forget the cluster.
func TestFirstStateCluster(t *testing.T) {
	cases := map[string]struct {
		reason string
		probed verdict
		want   string
	}{
		"outage":   {"The Node says which it was.", verdict{err: errors.New("refused")}, "before"},
		"answered": {"It was found to do.", verdict{cluster: "now"}, "now"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			existing := Build(Spec{}, State{DownstreamID: "before"})
			got := Build(Spec{}, firstState(existing, tc.probed, probed(1).Time)).Annotations[api.DownstreamAnnotation]
			if got != tc.want {
				t.Errorf("%s\nthe Node remembers %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
