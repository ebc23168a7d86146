package invariants

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// container is what was seen of one container of a downstream pod. Its restartCount
// and its ids count the same starts; a watch may have missed some of either.
type container struct {
	ids      map[string]bool
	restarts int32
	// changes are the images that its spec has had: each costs one start.
	changes map[string]bool
}

func (c *container) starts() int { return max(int(c.restarts)+1, len(c.ids)) }

// judgeStarts: one downstream pod was started at most, and each of its containers
// once, or once for each image that it was given. Containers here never end by an
// error of their own, so no kubelet has a reason to start one again.
func (l *Ledger) judgeStarts(down *downstreamPod, at time.Time) {
	if !down.started {
		return
	}
	for _, other := range l.belowOf[down.above] {
		if other != down && other.started {
			l.violate(Violation{
				OneStart,
				[]string{other.String(), down.String()},
				fmt.Sprintf("both were started for upstream pod %s", down.above), at,
			}, string(down.above))
		}
	}
	for _, c := range slices.Concat(down.Spec.InitContainers, down.Spec.Containers) {
		down.container(c.Name).changes[c.Image] = true
	}
	for _, status := range slices.Concat(down.Status.InitContainerStatuses, down.Status.ContainerStatuses) {
		l.judgeContainer(down, status, at)
	}
}

func (l *Ledger) judgeContainer(down *downstreamPod, status corev1.ContainerStatus, at time.Time) {
	c := down.container(status.Name)
	c.restarts = max(c.restarts, status.RestartCount)
	if status.ContainerID != "" {
		c.ids[status.ContainerID] = true
	}
	if c.starts() > max(1, len(c.changes)) {
		l.violate(Violation{
			OneStart,
			[]string{down.String()},
			fmt.Sprintf("container %s was started %d times (restartCount %d, %d container ids) for %d images",
				status.Name, c.starts(), c.restarts, len(c.ids), len(c.changes)), at,
		}, string(down.UID)+"/"+status.Name)
	}
}

func (d *downstreamPod) container(name string) *container {
	if d.containers[name] == nil {
		d.containers[name] = &container{ids: map[string]bool{}, changes: map[string]bool{}}
	}
	return d.containers[name]
}
