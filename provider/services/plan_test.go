package services

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func testIdentity() translate.Identity {
	return translate.Identity{UpstreamID: "cluster", Node: stash.VirtualNode{Name: "east"}, Namespaces: translate.Namespaces{Prefix: "up-"}}
}

func service(options ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "above"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.0.0.1", Selector: map[string]string{"app": "web"},
			IPFamilyPolicy: new(corev1.IPFamilyPolicySingleStack), IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080)}},
		},
	}
	for _, option := range options {
		option(s)
	}
	return s
}

func slice(name string, addresses ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "slice", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for _, address := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	return s
}

// below is our copy as the downstream API server returns it.
func below(options ...func(*corev1.Service)) *corev1.Service {
	s := copyOf(service(options...), testIdentity())
	s.UID, s.ResourceVersion = "below", "1"
	if s.Spec.ClusterIP == "" && s.Spec.Type == corev1.ServiceTypeClusterIP {
		s.Spec.ClusterIP, s.Spec.ClusterIPs = "10.96.0.1", []string{"10.96.0.1"}
	}
	return s
}

func marked(key, value string) *corev1.Service {
	s := below()
	s.Labels[key] = value
	return s
}

func byName(all ...*discoveryv1.EndpointSlice) map[string]*discoveryv1.EndpointSlice {
	found := make(map[string]*discoveryv1.EndpointSlice, len(all))
	for _, s := range all {
		found[s.Name] = s
	}
	return found
}

func copied(all ...*discoveryv1.EndpointSlice) map[string]*discoveryv1.EndpointSlice {
	found := make(map[string]*discoveryv1.EndpointSlice, len(all))
	for _, s := range all {
		found[s.Name] = sliceCopyOf(s, testIdentity())
	}
	return found
}

func headlessly(s *corev1.Service) { s.Spec.ClusterIP = corev1.ClusterIPNone }

func leaving(s *corev1.Service) { s.DeletionTimestamp = new(metav1.Now()) }

// plan is an Action in words that fit into a table.
type plan struct {
	Row                                  Row
	Confirm, Create, Change, Delete      bool
	SlicesMade, SlicesChanged, SlicesOff []string
	Conflict, Again                      bool
}

func summary(a Action) plan {
	p := plan{
		Row: a.Row, Confirm: a.Confirm, Create: a.Create != nil, Change: a.Service != nil, Delete: a.Delete != nil,
		Conflict: a.Conflict != nil, Again: a.Again > 0,
	}
	for _, s := range a.CreateSlices {
		p.SlicesMade = append(p.SlicesMade, s.Name)
	}
	for _, c := range a.Slices {
		p.SlicesChanged = append(p.SlicesChanged, c.To.Name)
	}
	for _, s := range a.DeleteSlices {
		p.SlicesOff = append(p.SlicesOff, s.Name)
	}
	return p
}

type planCase struct {
	reason string
	world  World
	want   plan
}

// TestPlan has every row of the state table.
func TestPlan(t *testing.T) {
	cases := rowsWithoutCopy()
	maps.Copy(cases, rowsWithCopy())
	covered := map[Row]bool{}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Plan(tc.world, testIdentity())
			covered[got.Row] = true
			if diff := cmp.Diff(tc.want, summary(got)); diff != "" {
				t.Errorf("%s: Plan(): -want +got:\n%s", tc.reason, diff)
			}
		})
	}
	for _, row := range []Row{RowNothing, RowWithdraw, RowShared, RowConflict, RowLeaving, RowReplace, RowCreate, RowKeep} {
		if !covered[row] {
			t.Errorf("no case covers the row %q", row)
		}
	}
}

// rowsWithoutCopy are those in which the downstream Service is none or not ours.
func rowsWithoutCopy() map[string]planCase {
	foreign := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "up-shop", Name: "web", UID: "theirs"}}
	return map[string]planCase{
		"nothing-off":         {"reflection is off", World{Pods: true, Service: service()}, plan{Row: RowNothing}},
		"nothing-foreign":     {"a foreign Service is none of our business", World{Below: foreign}, plan{Row: RowNothing}},
		"nothing-unneeded":    {"no pod looks for it", World{Choice: WithPods, Service: service(), Slices: byName(slice("a"))}, plan{Row: RowNothing}},
		"nothing-leaving":     {"it is being deleted", World{Choice: WithPods, Pods: true, Service: service(leaving)}, plan{Row: RowNothing}},
		"create-unneeded":     {"its namespace's owner asked for it", World{Choice: Always, Service: service()}, plan{Row: RowCreate, Create: true}},
		"create":              {"it has no copy", World{Choice: WithPods, Pods: true, Service: service()}, plan{Row: RowCreate, Create: true}},
		"withdraw-slices":     {"a slice was left behind", World{Confirmed: true, OurSlices: copied(slice("a"))}, plan{Row: RowWithdraw, SlicesOff: []string{"a"}}},
		"conflict":            {"the name is taken", World{Choice: WithPods, Pods: true, Service: service(), Below: foreign}, plan{Row: RowConflict, Conflict: true, Again: true}},
		"conflict-upstream":   {"the name is taken by another upstream cluster", World{Choice: WithPods, Pods: true, Service: service(), Below: marked(api.UpstreamLabel, "other")}, plan{Row: RowConflict, Conflict: true, Again: true}},
		"conflict-our-slices": {"our slices must not lead a foreign Service's clients astray", World{Choice: WithPods, Pods: true, Service: service(), Below: foreign, Slices: byName(slice("a")), OurSlices: copied(slice("a"))}, plan{Row: RowConflict, Conflict: true, Again: true, SlicesOff: []string{"a"}}},
		"shared":              {"another virtual node of ours says the same", World{Choice: WithPods, Pods: true, Service: service(), Below: marked(api.VirtualNodeLabel, "west")}, plan{Row: RowShared, Again: true}},
	}
}

// rowsWithCopy are those in which the downstream Service is ours.
func rowsWithCopy() map[string]planCase {
	kept := func(change func(*World)) World {
		w := World{
			Choice: WithPods, Service: service(), Below: below(),
			Slices: byName(slice("a", "10.1.0.1")), OurSlices: copied(slice("a", "10.1.0.1")),
		}
		change(&w)
		return w
	}
	return map[string]planCase{
		"withdraw-unconfirmed": {"a cache without the Service may be empty or behind", kept(func(w *World) { w.Service = nil }), plan{Row: RowWithdraw, Confirm: true}},
		"withdraw":             {"the Service is gone", kept(func(w *World) { w.Service, w.Confirmed = nil, true }), plan{Row: RowWithdraw, Delete: true, SlicesOff: []string{"a"}}},
		"withdraw-opted-out":   {"its namespace is no longer chosen", kept(func(w *World) { w.Choice, w.Confirmed = Never, true }), plan{Row: RowWithdraw, Delete: true, SlicesOff: []string{"a"}}},
		"withdraw-leaving":     {"the Service is being deleted", kept(func(w *World) { w.Service, w.Confirmed = service(leaving), true }), plan{Row: RowWithdraw, Delete: true, SlicesOff: []string{"a"}}},
		"leaving":              {"our copy is on its way out", kept(func(w *World) { leaving(w.Below) }), plan{Row: RowLeaving}},
		"replace-headless":     {"a cluster IP cannot be taken away", kept(func(w *World) { headlessly(w.Service) }), plan{Row: RowReplace, Delete: true}},
		"keep":                 {"the last pod has left, the next one may come", kept(func(*World) {}), plan{Row: RowKeep}},
		"keep-headless":        {"a headless copy is what it should be", kept(func(w *World) { headlessly(w.Service); w.Below = below(headlessly) }), plan{Row: RowKeep}},
		"keep-ports":           {"a port changed", kept(func(w *World) { w.Service.Spec.Ports[0].Port = 81 }), plan{Row: RowKeep, Change: true}},
		"keep-node-port": {"a node port is not for downstream", kept(func(w *World) {
			w.Service.Spec.Type, w.Service.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
		}), plan{Row: RowKeep}},
		"keep-successor":      {"the Service was deleted and made anew upstream", kept(func(w *World) { w.Service.UID = "next" }), plan{Row: RowKeep, Change: true}},
		"keep-selector":       {"somebody gave our copy a selector", kept(func(w *World) { w.Below.Spec.Selector = map[string]string{"a": "b"} }), plan{Row: RowKeep, Change: true}},
		"keep-new-slice":      {"there is a slice more", kept(func(w *World) { w.Slices = byName(slice("a", "10.1.0.1"), slice("b")) }), plan{Row: RowKeep, SlicesMade: []string{"b"}}},
		"keep-addresses":      {"an address changed", kept(func(w *World) { w.Slices = byName(slice("a", "10.1.0.2")) }), plan{Row: RowKeep, SlicesChanged: []string{"a"}}},
		"keep-slice-doubtful": {"a cache without the slice may be behind", kept(func(w *World) { w.Slices = nil }), plan{Row: RowKeep, Confirm: true}},
		"keep-slice-gone":     {"the slice is gone indeed", kept(func(w *World) { w.Slices, w.Confirmed = nil, true }), plan{Row: RowKeep, SlicesOff: []string{"a"}}},
		"keep-slice-family":   {"a slice cannot change its address family", kept(func(w *World) { w.OurSlices["a"].AddressType = discoveryv1.AddressTypeIPv6 }), plan{Row: RowKeep, SlicesOff: []string{"a"}}},
	}
}
