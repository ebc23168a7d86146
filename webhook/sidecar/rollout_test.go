package sidecar

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/pub"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestPlanCounts has Kruise's own numbers: those of its unit tests, and its rules
// of rounding.
func TestPlanCounts(t *testing.T) {
	cases := map[string]struct {
		total, updated, updatedReady int
		maxUnavailable, partition    string
		want                         int
	}{
		"budget":                   {100, 30, 26, "10", "", 6},
		"budget and partition":     {1000, 800, 760, "100", "180", 20},
		"default":                  {5, 0, 0, "", "", 1},
		"partition 99%":            {5, 0, 0, "5", "99%", 1},
		"partition 1%":             {5, 0, 0, "5", "1%", 4},
		"partition 100%":           {5, 0, 0, "5", "100%", 0},
		"partition 99% of one":     {1, 0, 0, "5", "99%", 0},
		"partition 0":              {5, 0, 0, "5", "0", 5},
		"partition 0%":             {5, 0, 0, "5", "0%", 5},
		"partition 3":              {5, 0, 0, "5", "3", 2},
		"partition 3 is reached":   {5, 2, 2, "5", "3", 0},
		"partition above all":      {5, 0, 0, "5", "9", 0},
		"max 5%":                   {5, 0, 0, "5%", "", 1},
		"max 50%":                  {5, 0, 0, "50%", "", 3},
		"max 100%":                 {5, 0, 0, "100%", "", 5},
		"max is used up":           {5, 2, 0, "2", "", 0},
		"max is more than used up": {5, 3, 0, "2", "", 0},
		"all updated":              {5, 5, 3, "5", "", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			v1 := rolling("log:v1", nil)
			v2 := rolling("log:v2", func(s *v1alpha1.SidecarSetUpdateStrategy) {
				if tc.maxUnavailable != "" {
					s.MaxUnavailable = new(intstr.Parse(tc.maxUnavailable))
				}
				if tc.partition != "" {
					s.Partition = new(intstr.Parse(tc.partition))
				}
			})
			view := View{Set: v2}
			for i := range tc.total {
				pod := podOf(t, v1, fmt.Sprintf("p%04d", i))
				if i < tc.updated {
					pod = updated(t, pod, v2)
					runs(pod, "second")
					readied(pod, i < tc.updatedReady)
				}
				view.Pods = append(view.Pods, pod)
			}
			plan := view.Plan()
			if len(plan.Update) != tc.want {
				t.Errorf("%d pods are updated, want %d", len(plan.Update), tc.want)
			}
		})
	}
}

// TestPlan: which pods follow, and in what order.
func TestPlan(t *testing.T) {
	v1 := rolling("log:v1", nil)
	all := intstr.FromString("100%")
	pods := func(change func(i int, pod *corev1.Pod)) []*corev1.Pod {
		list := make([]*corev1.Pod, 4)
		for i := range list {
			list[i] = podOf(t, v1, fmt.Sprintf("p%d", i))
			change(i, list[i])
		}
		return list
	}
	none := func(int, *corev1.Pod) {}
	numbered := func(i int, pod *corev1.Pod) { pod.Labels["n"] = fmt.Sprintf("web-%d", 7+i) }
	cases := map[string]struct {
		reason   string
		strategy v1alpha1.SidecarSetUpdateStrategy
		pods     []*corev1.Pod
		set      func(*v1alpha1.SidecarSet)
		want     []string
	}{
		"all":        {"By name, if nothing else tells them apart.", v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all}, pods(none), nil, []string{"p0", "p1", "p2", "p3"}},
		"not update": {"Running pods are left alone.", v1alpha1.SidecarSetUpdateStrategy{Type: v1alpha1.NotUpdateSidecarSetStrategyType}, pods(none), nil, []string{}},
		"paused":     {"Not now.", v1alpha1.SidecarSetUpdateStrategy{Paused: true}, pods(none), nil, []string{}},
		"paused injection": {
			"That is about new pods.",
			v1alpha1.SidecarSetUpdateStrategy{},
			pods(none),
			func(s *v1alpha1.SidecarSet) { s.Spec.InjectionStrategy.Paused = true },
			[]string{"p0"},
		},
		"selector": {
			"Only those that it selects.",
			v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"canary": "yes"}}},
			pods(func(i int, pod *corev1.Pod) {
				if i == 2 {
					pod.Labels["canary"] = "yes"
				}
			}), nil,
			[]string{"p2"},
		},
		"not only images": {
			"The rest cannot change in a running pod.",
			v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all},
			pods(none),
			func(s *v1alpha1.SidecarSet) { s.Spec.Containers[0].Args = []string{"-v"} },
			[]string{},
		},
		"cheapest first": {
			"What is lost least is changed first.",
			v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all},
			pods(func(i int, pod *corev1.Pod) {
				switch i {
				case 0:
					pod.Status.ContainerStatuses[1].RestartCount = 3
				case 1:
					readied(pod, false)
				case 2:
					pod.Status.Phase = corev1.PodPending
				case 3:
					pod.Spec.NodeName, pod.Status.Phase = "", corev1.PodPending
				}
			}), nil,
			[]string{"p3", "p2", "p1", "p0"},
		},
		"youngest first": {
			"And the ones that became ready last before them.",
			v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all},
			pods(func(i int, pod *corev1.Pod) {
				pod.CreationTimestamp = metav1.NewTime(midnight().Add(time.Duration(i) * time.Hour))
				if i == 1 {
					pod.Status.Conditions[0].LastTransitionTime = metav1.NewTime(midnight().Add(time.Minute))
				} else {
					pod.Status.Conditions[0].LastTransitionTime = metav1.NewTime(midnight())
				}
			}), nil,
			[]string{"p1", "p3", "p2", "p0"},
		},
		"weights": {
			"The higher sum first.",
			v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all, PriorityStrategy: &pub.UpdatePriorityStrategy{WeightPriority: []pub.UpdatePriorityWeightTerm{
				{Weight: 20, MatchSelector: metav1.LabelSelector{MatchLabels: map[string]string{"n": "web-8"}}},
				{Weight: 50, MatchSelector: metav1.LabelSelector{MatchLabels: map[string]string{"n": "web-9"}}},
			}}},
			pods(numbered), nil,
			[]string{"p2", "p1", "p0", "p3"},
		},
		"orders": {
			"The higher number at the end of the label first, as numbers go.",
			v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all, PriorityStrategy: &pub.UpdatePriorityStrategy{OrderPriority: []pub.UpdatePriorityOrderTerm{{OrderedKey: "n"}}}},
			pods(numbered), nil,
			[]string{"p3", "p2", "p1", "p0"},
		},
		"orders, where some have none": {
			"Pods without the key come first, as with Kruise; a label without a number counts as 0.",
			v1alpha1.SidecarSetUpdateStrategy{MaxUnavailable: &all, PriorityStrategy: &pub.UpdatePriorityStrategy{OrderPriority: []pub.UpdatePriorityOrderTerm{{OrderedKey: "n"}, {OrderedKey: "m"}}}},
			pods(func(i int, pod *corev1.Pod) {
				switch i {
				case 0:
					pod.Labels["m"] = "5"
				case 1:
					pod.Labels["n"] = "zero"
				case 2:
					pod.Labels["n"], pod.Labels["m"] = "1", "9"
				}
			}), nil,
			[]string{"p3", "p2", "p1", "p0"},
		},
		"free": {
			"Pods that are not ready cost nothing, and come before one that does.",
			v1alpha1.SidecarSetUpdateStrategy{},
			pods(func(i int, pod *corev1.Pod) { readied(pod, i < 2) }), nil,
			[]string{"p2", "p3", "p0"},
		},
		"free in spite of priorities": {
			"They are not held back by those before them.",
			v1alpha1.SidecarSetUpdateStrategy{PriorityStrategy: &pub.UpdatePriorityStrategy{OrderPriority: []pub.UpdatePriorityOrderTerm{{OrderedKey: "n"}}}},
			pods(func(i int, pod *corev1.Pod) {
				numbered(i, pod)
				readied(pod, i > 0)
			}), nil,
			[]string{"p3", "p0"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			object := agents("log:v2")
			object.Spec.UpdateStrategy = tc.strategy
			if tc.set != nil {
				tc.set(object)
			}
			slices.Reverse(tc.pods)
			if diff := cmp.Diff(tc.want, podNames(View{Set: Compile(object, nil), Pods: tc.pods}.Plan().Update)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPlanOfWhatIsNotUnderstood: a set that cannot be injected is not rolled out.
func TestPlanOfWhatIsNotUnderstood(t *testing.T) {
	set := Compile(agents("log:v2"), []error{fmt.Errorf("unknown field")})
	if plan := (View{Set: set, Pods: []*corev1.Pod{podOf(t, rolling("log:v1", nil), "p")}}).Plan(); len(plan.Update) != 0 {
		t.Errorf("updates %v", podNames(plan.Update))
	}
}
