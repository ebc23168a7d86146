package stats

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// identity is of the virtual node east, whose namespaces are called up-... downstream.
func identity() translate.Identity {
	return translate.Identity{
		UpstreamID: "cluster", Node: stash.VirtualNode{Name: "east"}, Namespaces: translate.Namespaces{Prefix: "up-"},
	}
}

// birth is when all pods of the tests were started.
func birth() metav1.Time { return metav1.NewTime(time.Unix(1_000_000, 0)) }

// after is that many seconds later.
func after(seconds int) metav1.Time {
	return metav1.NewTime(birth().Add(time.Duration(seconds) * time.Second))
}

// upstreamPod has the UID u-<name> and the containers.
func upstreamPod(name string, containers ...string) corev1.Pod {
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("u-" + name)},
		Spec:       corev1.PodSpec{NodeName: "east"},
	}
	for _, c := range containers {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: c})
	}
	return p
}

// downstreamPod stands for it on a downstream node, with the UID d-<name>, and
// runs a sidecar of somebody else's beside its containers.
func downstreamPod(up corev1.Pod, node string) corev1.Pod {
	p := *up.DeepCopy()
	p.UID = types.UID("d-" + up.Name)
	p.Namespace = "up-" + up.Namespace
	identity().Mark(&p.ObjectMeta, up.UID)
	p.Spec.NodeName = node
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "injected"})
	p.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: new(birth())}
	for _, c := range p.Spec.Containers {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: birth()}},
		})
	}
	return p
}

func TestOurs(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(up, down *corev1.Pod)
		want   bool
	}{
		"runs": {
			reason: "It is ours and runs on a downstream node.",
			change: func(_, _ *corev1.Pod) {},
			want:   true,
		},
		"other-cluster": {
			reason: "Somebody else's virtual node of the same name made it.",
			change: func(_, down *corev1.Pod) { down.Labels["spillway.io/upstream"] = "other" },
		},
		"unmarked": {
			reason: "It has no marks.",
			change: func(_, down *corev1.Pod) { down.Labels, down.Annotations = nil, nil },
		},
		"predecessor": {
			reason: "It stands for an upstream pod of the same name that is gone.",
			change: func(up, _ *corev1.Pod) { up.UID = "another" },
		},
		"other-node": {
			reason: "The upstream pod is not bound to us.",
			change: func(up, _ *corev1.Pod) { up.Spec.NodeName = "west" },
		},
		"other-namespace": {
			reason: "Its namespace stands for none of upstream.",
			change: func(_, down *corev1.Pod) { down.Namespace = "shop" },
		},
		"unscheduled": {
			reason: "No downstream node has it.",
			change: func(_, down *corev1.Pod) { down.Spec.NodeName = "" },
		},
		"not-started": {
			reason: "Its node has not taken it up yet, so nothing of it runs.",
			change: func(_, down *corev1.Pod) { down.Status = corev1.PodStatus{Phase: corev1.PodPending} },
		},
		"ended": {
			reason: "It uses nothing any more.",
			change: func(_, down *corev1.Pod) { down.Status.Phase = corev1.PodSucceeded },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			up := upstreamPod("web", "app")
			down := downstreamPod(up, "metal")
			tc.change(&up, &down)
			if got := ours(identity(), []corev1.Pod{up}, []corev1.Pod{down}); (len(got) == 1) != tc.want {
				t.Errorf("%s\nwant %t, got %d pods", tc.reason, tc.want, len(got))
			}
		})
	}
}

func TestNodesOf(t *testing.T) {
	var pods []pod
	for _, node := range []string{"b", "a", "b", "a", "c"} {
		pods = append(pods, pod{downstream: &corev1.Pod{Spec: corev1.PodSpec{NodeName: node}}})
	}
	if diff := cmp.Diff([]string{"b", "a", "c"}, nodesOf(pods)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
