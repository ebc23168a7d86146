package invariants

import (
	"cmp"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

// identity is a StatefulSet's pod by its name, which outlives single pods. The
// downstream clusters are one: an identity may not run in two of them either.
type identity struct {
	upstream        bool
	namespace, name string
}

// judgeIdentity: of one identity one pod is Running at a time. Within a cluster what
// is seen is in order; what runs in another has to be confirmed there.
func (l *Ledger) judgeIdentity(cluster string, pod *corev1.Pod, gone bool, at time.Time) {
	name, of := pod.Labels[appsv1.StatefulSetPodNameLabel]
	if !of {
		return
	}
	id := identity{cluster == l.scope.Upstream, cmp.Or(pod.Annotations[api.UpstreamNamespaceAnnotation], pod.Namespace), name}
	if l.running[id] == nil {
		l.running[id] = map[types.UID]string{}
	}
	if gone || pod.Status.Phase != corev1.PodRunning {
		delete(l.running[id], pod.UID)
		return
	}
	if l.running[id][pod.UID] != "" {
		return
	}
	for other, where := range l.running[id] {
		violation := Violation{
			Identity,
			[]string{fmt.Sprintf("%s %s/%s (%s)", where, id.namespace, id.name, other), describe(cluster, pod)},
			"are one identity of a StatefulSet and were Running at a time", at,
		}
		key := string(other) + string(pod.UID)
		if where == cluster {
			l.violate(violation, key)
			continue
		}
		l.doubts = append(l.doubts, doubt{Violation: violation, key: key, cluster: where, uid: other, holds: runs})
	}
	l.running[id][pod.UID] = cluster
}

func runs(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }
