package node

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/capacity"
)

// rules are a capacity.Policy and a Spec as the tests think of them.
type rules struct {
	reserve, limit amounts
	// home is the configured zone, if any.
	home string
	// archRoutes: the architecture is a routing key.
	archRoutes bool
}

func (r rules) policy() capacity.Policy {
	return capacity.Policy{
		Tolerated: []corev1.Toleration{{Key: "tolerated", Operator: corev1.TolerationOpExists}},
		Reserve:   r.reserve.list(), Limit: r.limit.list(),
	}
}

func (r rules) spec() Spec {
	spec := Spec{Name: "east", InternalIP: "192.0.2.7"}
	if r.home != "" {
		spec.Labels = map[string]string{"topology.kubernetes.io/zone": r.home}
	}
	if r.archRoutes {
		spec.RoutingKeys = []string{"type", "kubernetes.io/arch"}
	}
	return spec
}

// story is what the Node should say, or says.
type story struct {
	Free, Largest      amounts
	Arch, Zone, Reason string
}

// truth counts in thousandths, step by step, and uses neither the code under test
// nor the libraries that it counts with.
func truth(machines map[string]machine, programs map[string]program, r rules) story {
	s := story{Free: amounts{"cpu": 0, "memory": 0, "pods": 0}, Reason: ReasonNoUsableNode, Largest: amounts{}}
	room := map[string]amounts{}
	for _, m := range machines {
		usable := takesPods(m)
		if usable {
			s.Reason = ReasonReachable
			room[m.name] = amounts{}
		}
		for name, milli := range m.has {
			s.Free[name] += 0
			foreign, all := int64(0), int64(0)
			for _, p := range programs {
				if p.node != m.name || over(p) {
					continue
				}
				all += holds(p, name)
				if !p.own {
					foreign += holds(p, name)
				}
			}
			if usable {
				s.Free[name] += max(0, milli-foreign)
				room[m.name][name] = max(0, milli-all)
			}
		}
	}
	spare := amounts{}
	for name := range s.Free {
		s.Free[name] = max(0, s.Free[name]-r.reserve[name])
		if limit, ok := r.limit[name]; ok {
			s.Free[name] = min(s.Free[name], limit)
		}
		spare[name] = s.Free[name]
		for _, p := range programs {
			if p.own && !over(p) {
				spare[name] = max(0, spare[name]-holds(p, name))
			}
		}
	}
	for _, left := range room {
		pod := amounts{}
		for name := range left {
			pod[name] = min(left[name], spare[name])
		}
		if pod["pods"] >= 1000 && (len(s.Largest) == 0 || slices.Compare(ranked(pod), ranked(s.Largest)) > 0) {
			s.Largest = pod
		}
	}
	delete(s.Largest, "pods")
	s.Arch, s.Zone = common(machines, func(m machine) string { return m.arch }), common(machines, func(m machine) string { return m.zone })
	if len(machines) == 0 || r.archRoutes {
		s.Arch = "amd64"
	}
	if r.home != "" {
		s.Zone = r.home
	}
	return s
}

func takesPods(m machine) bool {
	effect := m.taints["strange"]
	return m.ready == corev1.ConditionTrue && !m.cordoned && !m.leaving && (effect == "" || effect == corev1.TaintEffectPreferNoSchedule)
}

func over(p program) bool { return p.phase == corev1.PodSucceeded || p.phase == corev1.PodFailed }

// holds is what a pod takes of a resource.
func holds(p program, name corev1.ResourceName) int64 {
	switch {
	case name == corev1.ResourcePods:
		return 1000
	case p.granted == nil:
		return p.asks[name]
	case p.infeasible:
		return p.granted[name]
	default:
		return max(p.asks[name], p.granted[name])
	}
}

// ranked is a pod in the order in which the largest is chosen; that it may have
// none of a resource is more than that there is no such resource.
func ranked(pod amounts) []int64 {
	gpus, known := pod["example.com/gpu"]
	if !known {
		gpus = -1
	}
	return []int64{pod["cpu"], pod["memory"], gpus}
}

// common is what all machines that take pods say, or all if none does.
func common(machines map[string]machine, said func(machine) string) string {
	var usable, all []string
	for _, m := range machines {
		all = append(all, said(m))
		if takesPods(m) {
			usable = append(usable, said(m))
		}
	}
	if len(usable) == 0 {
		usable = all
	}
	slices.Sort(usable)
	if usable = slices.Compact(usable); len(usable) == 1 {
		return usable[0]
	}
	return ""
}

// said is what a Node says.
func said(t *testing.T, node *corev1.Node) story {
	t.Helper()
	s := story{Arch: node.Labels["kubernetes.io/arch"], Zone: node.Labels["topology.kubernetes.io/zone"]}
	if s.Arch != node.Status.NodeInfo.Architecture {
		t.Errorf("the label says %q, the node's info %q", s.Arch, node.Status.NodeInfo.Architecture)
	}
	s.Free = inThousandths(t, node.Status.Allocatable)
	if diff := cmp.Diff(s.Free, inThousandths(t, node.Status.Capacity)); diff != "" {
		t.Errorf("-allocatable +capacity:\n%s", diff)
	}
	var pod corev1.ResourceList
	if err := json.Unmarshal([]byte(node.Annotations[api.LargestPodAnnotation]), &pod); err != nil {
		t.Fatalf("largest pod %q: %v", node.Annotations[api.LargestPodAnnotation], err)
	}
	s.Largest = inThousandths(t, pod)
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			s.Reason = c.Reason
			if c.Status != corev1.ConditionTrue {
				t.Errorf("the node is not Ready: %s", c.Message)
			}
		}
	}
	return s
}

func inThousandths(t *testing.T, list corev1.ResourceList) amounts {
	t.Helper()
	result := amounts{}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		quantity := list[name]
		if result[name] = quantity.MilliValue(); quantity.Sign() < 0 {
			t.Errorf("negative: %s %s", name, quantity.String())
		}
	}
	return result
}
