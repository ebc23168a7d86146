package sidecar

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/pub"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/api"
)

// TestPlanOfChangedPods: pods whose last change is under way, hangs, or cannot be
// followed by another.
func TestPlanOfChangedPods(t *testing.T) {
	v1, bad, v3 := rolling("log:v1", nil), rolling("log:bad", nil), rolling("log:v3", nil)
	byPriority := rolling("log:v3", func(s *v1alpha1.SidecarSetUpdateStrategy) {
		s.PriorityStrategy = &pub.UpdatePriorityStrategy{OrderPriority: []pub.UpdatePriorityOrderTerm{{OrderedKey: "n"}}}
		s.Partition = new(intstr.FromInt32(3))
	})
	canaries := rolling("log:v3", func(s *v1alpha1.SidecarSetUpdateStrategy) {
		s.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "n", Operator: metav1.LabelSelectorOpExists}}}
	})
	virtual := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{api.NodeTypeLabel: api.NodeTypeVirtual}}}
	ours := virtual.DeepCopy()
	ours.Spec.Taints = []corev1.Taint{{Key: api.ProviderTaintKey, Value: api.ProviderTaintValue, Effect: corev1.TaintEffectNoSchedule}}
	cases := map[string]struct {
		reason  string
		set     *Set
		change  func(*corev1.Pod) *corev1.Pod
		node    *corev1.Node
		refused bool
		want    []string
		held    int
	}{
		"under way": {
			"Its containers still run the old image. It may become unavailable, so nothing else may.", v3,
			func(pod *corev1.Pod) *corev1.Pod { return updated(t, pod, bad) },
			nil, false,
			[]string{},
			3,
		},
		"hangs": {
			"It is unavailable already. Nothing else may be, until it is not.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod = updated(t, pod, bad)
				readied(pod, false)
				return pod
			},
			nil, false,
			[]string{"p0"},
			3,
		},
		"crashes": {
			"The bad image runs, and falls over.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod = updated(t, pod, bad)
				runs(pod, "second")
				readied(pod, false)
				return pod
			},
			nil, false,
			[]string{"p0"},
			3,
		},
		"hangs behind others": {
			"What hangs comes first, whatever the strategy says: or nothing would ever move.", byPriority,
			func(pod *corev1.Pod) *corev1.Pod {
				pod.Labels["n"] = "1"
				pod = updated(t, pod, bad)
				readied(pod, false)
				return pod
			},
			nil, false,
			[]string{"p0"},
			0,
		},
		"hangs and cannot follow": {
			"It waits to be created again, and the others do not wait for that.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod = updated(t, pod, bad)
				readied(pod, false)
				pod.Annotations[api.SidecarSetHashWithoutImageAnnotation] = "{}"
				return pod
			},
			nil, false,
			[]string{"p1"},
			2,
		},
		"hangs and is not asked": {
			"The set is about others now.", canaries,
			func(pod *corev1.Pod) *corev1.Pod {
				delete(pod.Labels, "n")
				pod = updated(t, pod, bad)
				readied(pod, false)
				return pod
			},
			nil, false,
			[]string{"p1"},
			2,
		},
		"hangs for itself": {
			"A pod that nobody changed is not our doing, and does not hold back others.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				readied(pod, false)
				return pod
			},
			nil, false,
			[]string{"p0", "p1"},
			2,
		},
		"came through": {
			"The last change is done, and the next one may come.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod = updated(t, pod, bad)
				runs(pod, "second")
				return pod
			},
			nil, false,
			[]string{"p0"},
			3,
		},
		"unavailable": {
			"The update has not come through, and nothing else may.", v3,
			func(pod *corev1.Pod) *corev1.Pod { return updated(t, pod, v3) },
			nil, false,
			[]string{},
			3,
		},
		"foreign virtual node": {"An image would never get there.", v3, func(pod *corev1.Pod) *corev1.Pod { return pod }, virtual, false, []string{"p1"}, 2},
		"our virtual node":     {"It passes images on.", v3, func(pod *corev1.Pod) *corev1.Pod { return pod }, ours, false, []string{"p0"}, 3},
		"refused":              {"Others get their turn.", v3, func(pod *corev1.Pod) *corev1.Pod { return pod }, nil, true, []string{"p1"}, 2},
		"without the container": {
			"Its record says more than is true.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod.Spec.Containers[0].Name = "other"
				return pod
			},
			nil, false,
			[]string{"p1"},
			2,
		},
		"only once, as an init container": {
			"An init container that has run is not the sidecar.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod.Spec.InitContainers = pod.Spec.Containers[:1]
				pod.Spec.Containers = pod.Spec.Containers[1:]
				return pod
			},
			nil, false,
			[]string{"p1"},
			2,
		},
		"native": {
			"It runs beside the app.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod.Spec.InitContainers = pod.Spec.Containers[:1]
				pod.Spec.InitContainers[0].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
				pod.Spec.Containers = pod.Spec.Containers[1:]
				return pod
			},
			nil, false,
			[]string{"p0"},
			3,
		},
		"garbage": {
			"A record that nobody can read is not written over.", v3,
			func(pod *corev1.Pod) *corev1.Pod {
				pod.Annotations[api.SidecarSetHashAnnotation] = "{"
				return pod
			},
			nil, false,
			[]string{"p1"},
			2,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			view := View{Set: tc.set}
			for i := range 4 {
				pod := podOf(t, v1, fmt.Sprintf("p%d", i))
				pod.Spec.NodeName = pod.Name
				pod.Labels["n"] = fmt.Sprint(10 + i)
				view.Pods = append(view.Pods, pod)
			}
			view.Pods[0] = tc.change(view.Pods[0])
			view.Nodes = map[string]*corev1.Node{"p0": tc.node}
			view.Refused = map[types.UID]bool{"uid-p0": tc.refused}
			plan := view.Plan()
			if diff := cmp.Diff(tc.want, podNames(plan.Update)); diff != "" || plan.Held != tc.held {
				t.Errorf("%s\n%d held, want %d; -want +got:\n%s", tc.reason, plan.Held, tc.held, diff)
			}
		})
	}
}
