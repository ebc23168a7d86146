package node

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestBuildLabels(t *testing.T) {
	always := map[string]string{
		"type": "virtual-kubelet", "kubernetes.io/role": "agent", "kubernetes.io/hostname": "east",
		"node.kubernetes.io/exclude-from-external-load-balancers": "true",
		"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
	}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(always)
		maps.Copy(all, more)
		return all
	}
	cases := map[string]struct {
		reason     string
		configured map[string]string
		want       map[string]string
	}{
		"none-configured": {
			reason: "Every virtual node has these, spelled as other people's YAML has them.",
			want:   always,
		},
		"configured": {
			reason:     "Configured labels come on top.",
			configured: map[string]string{"clusterID": "east-1", "topology.kubernetes.io/zone": "b"},
			want:       with(map[string]string{"clusterID": "east-1", "topology.kubernetes.io/zone": "b"}),
		},
		"other-machines": {
			reason:     "Operating system and architecture are only a default: the downstream cluster's machines may be others.",
			configured: map[string]string{"kubernetes.io/arch": "arm64", "kubernetes.io/os": "windows"},
			want:       with(map[string]string{"kubernetes.io/arch": "arm64", "kubernetes.io/os": "windows"}),
		},
		"own-labels-win": {
			reason: "A virtual node that does not say so would get pods that it must not run.",
			configured: map[string]string{
				"type": "machine", "kubernetes.io/role": "master", "kubernetes.io/hostname": "west",
				"node.kubernetes.io/exclude-from-external-load-balancers": "false",
			},
			want: always,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Name: "east", Labels: tc.configured}
			got := Build(spec, State{})
			if diff := cmp.Diff(tc.want, got.Labels); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			info := got.Status.NodeInfo
			if info.OperatingSystem != tc.want["kubernetes.io/os"] || info.Architecture != tc.want["kubernetes.io/arch"] {
				t.Errorf("the node's info says %s/%s, its labels say otherwise", info.OperatingSystem, info.Architecture)
			}
			if diff := cmp.Diff(spec.AllLabels(), got.Labels); diff != "" {
				t.Errorf("AllLabels() are not the Node's: -AllLabels +Node:\n%s", diff)
			}
		})
	}
}

// TestBuild: what a scheduler, a kubectl and a cloud provider read of the Node.
func TestBuild(t *testing.T) {
	free := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("7")}
	got := Build(Spec{Name: "east", InternalIP: "192.0.2.7", KubeletPort: 10250}, State{Offer: capacity.Offer{Free: free}})

	if got.Name != "east" {
		t.Errorf("name %q, want east", got.Name)
	}
	wantTaints := []corev1.Taint{{Key: "virtual-kubelet.io/provider", Value: "spillway", Effect: corev1.TaintEffectNoSchedule}}
	if diff := cmp.Diff(wantTaints, got.Spec.Taints); diff != "" {
		t.Errorf("taints: -want +got:\n%s", diff)
	}
	wantAddresses := []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.7"}, {Type: corev1.NodeHostName, Address: "east"}}
	if diff := cmp.Diff(wantAddresses, got.Status.Addresses); diff != "" {
		t.Errorf("addresses: -want +got:\n%s", diff)
	}
	if port := got.Status.DaemonEndpoints.KubeletEndpoint.Port; port != 10250 {
		t.Errorf("API servers would look for the kubelet API at port %d, want 10250", port)
	}
	for name, list := range map[string]corev1.ResourceList{"capacity": got.Status.Capacity, "allocatable": got.Status.Allocatable} {
		if diff := cmp.Diff(free, list); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestBuildSharesNothing: virtual-kubelet writes into the Node that it is given.
func TestBuildSharesNothing(t *testing.T) {
	spec := Spec{Name: "east", Labels: map[string]string{"clusterID": "east-1"}}
	state := State{Offer: capacity.Offer{Free: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("7")}}}
	built := Build(spec, state)
	built.Labels["clusterID"] = "other"
	built.Status.Capacity[corev1.ResourceCPU] = resource.MustParse("1")

	if got := Build(spec, state); got.Labels["clusterID"] != "east-1" {
		t.Errorf("a changed Node changed the configured labels: %v", got.Labels)
	}
	for name, list := range map[string]corev1.ResourceList{"state": state.Offer.Free, "allocatable": built.Status.Allocatable} {
		if cpu := list[corev1.ResourceCPU]; cpu.String() != "7" {
			t.Errorf("changing the Node's capacity changed the %s to %s", name, cpu.String())
		}
	}
}

func TestBuildConditions(t *testing.T) {
	others := map[corev1.NodeConditionType]corev1.ConditionStatus{
		corev1.NodeMemoryPressure: corev1.ConditionFalse, corev1.NodeDiskPressure: corev1.ConditionFalse,
		corev1.NodePIDPressure: corev1.ConditionFalse, corev1.NodeNetworkUnavailable: corev1.ConditionFalse,
	}
	cases := map[string]struct {
		ready    Readiness
		unusable string
		want     corev1.NodeCondition
	}{
		"ready": {
			ready: Readiness{OK: true, Cause: "of the last outage", Since: probed(1)},
			want: corev1.NodeCondition{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "DownstreamReachable", Message: "the downstream API server is ready",
				LastTransitionTime: probed(1), LastHeartbeatTime: probed(9),
			},
		},
		"ready-without-nodes": {
			ready: Readiness{OK: true, Since: probed(1)}, unusable: "no downstream node takes pods: 2 cordoned",
			want: corev1.NodeCondition{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "NoUsableDownstreamNode", Message: "no downstream node takes pods: 2 cordoned",
				LastTransitionTime: probed(1), LastHeartbeatTime: probed(9),
			},
		},
		"not-ready": {
			ready: Readiness{Cause: "no route to host", Since: probed(2)}, unusable: "no downstream node takes pods: 2 not ready",
			want: corev1.NodeCondition{
				Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "DownstreamUnreachable", Message: "no route to host",
				LastTransitionTime: probed(2), LastHeartbeatTime: probed(9),
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := map[corev1.NodeConditionType]corev1.ConditionStatus{}
			for _, c := range Build(Spec{}, State{
				Ready: tc.ready, Offer: capacity.Offer{Unusable: tc.unusable}, Since: probed(0), Now: probed(9),
			}).Status.Conditions {
				if c.Type == corev1.NodeReady {
					if diff := cmp.Diff(tc.want, c); diff != "" {
						t.Errorf("Ready: -want +got:\n%s", diff)
					}
					continue
				}
				got[c.Type] = c.Status
				if c.LastTransitionTime != probed(0) || c.LastHeartbeatTime != probed(9) {
					t.Errorf("%s: changed at %v, heartbeat at %v", c.Type, c.LastTransitionTime, c.LastHeartbeatTime)
				}
			}
			if diff := cmp.Diff(others, got); diff != "" {
				t.Errorf("other conditions: -want +got:\n%s", diff)
			}
		})
	}
}

func TestBuildVersion(t *testing.T) {
	cases := map[string]struct {
		reason          string
		downstream, own string
		want            string
	}{
		"plain":              {"Downstream's first: it says what pods may use.", "v1.37.0", "v0.3.1", "v1.37.0-spillway-v0.3.1"},
		"unknown-downstream": {"A version is needed before the downstream API server has told its own.", "", "v0.3.1", "v0.0.0-spillway-v0.3.1"},
		"vendor":             {"Vendors' suffixes stay, whichever kind they are.", "v1.36.2-gke.100", "v0.3.1", "v1.36.2-gke.100-spillway-v0.3.1"},
		"vendor-build":       {"Build metadata may hold ours as well.", "v1.36.2+k3s1", "v0.3.1", "v1.36.2+k3s1-spillway-v0.3.1"},
		"own-metadata":       {"A second plus sign would not parse.", "v1.36.2+k3s1", "v0.3.1+dirty", "v1.36.2+k3s1-spillway-v0.3.1-dirty"},
		"own-from-source":    {"Parentheses would not parse.", "v1.37.0", "(devel)", "v1.37.0-spillway-devel"},
		"own-unknown":        {"Even without a version of our own the mark stays, by which the downstream version is found again.", "v1.37.0", "", "v1.37.0-spillway-"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			built := Build(Spec{Version: tc.own}, State{DownstreamVersion: tc.downstream})
			got := built.Status.NodeInfo.KubeletVersion
			if got != tc.want {
				t.Errorf("%s\nkubelet version %q, want %q", tc.reason, got, tc.want)
			}
			if _, err := version.ParseSemantic(got); err != nil {
				t.Errorf("version skew cannot be judged: %v", err)
			}
			if back := downstreamVersionOf(built); tc.downstream != "" && back != tc.downstream {
				t.Errorf("downstream version read back as %q, want %q", back, tc.downstream)
			}
		})
	}
	t.Run("of-another-kubelet", func(t *testing.T) {
		foreign := &corev1.Node{Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.35.0"}}}
		if got := downstreamVersionOf(foreign); got != "" {
			t.Errorf("version %q was taken for the downstream cluster's", got)
		}
	})
}
