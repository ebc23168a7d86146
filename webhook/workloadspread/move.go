package workloadspread

import (
	"context"
	"fmt"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/spread"
)

// maxMoves bounds the pods that are deleted in one round.
const maxMoves = 10

// Reasons of the events about a pod that is to leave its subset.
const (
	reasonRescheduled    = "Rescheduled"
	reasonNotRescheduled = "NotRescheduled"
)

// move deletes the pods that are to leave closed subsets. It decides anew by the
// WorkloadSpread as the API server has it: a subset that was opened a moment ago
// keeps its pods.
func (p *pass) move(ctx context.Context) error {
	moves, wake := p.view.Moves()
	p.lookAt(wake)
	moves = slices.DeleteFunc(moves, p.isRefused)
	if len(moves) == 0 {
		return nil
	}
	if next := p.memory.mayMove(); p.view.Now.Before(next) {
		p.lookAt(next)
		return nil
	}
	p.memory.moved = p.view.Now
	view := p.view
	view.Spread = &v1alpha1.WorkloadSpread{}
	if err := p.live.Get(ctx, p.key, view.Spread); err != nil {
		return client.IgnoreNotFound(err)
	}
	moves, _ = view.Moves()
	moves = slices.DeleteFunc(moves, p.isRefused)
	if len(moves) > maxMoves {
		moves = moves[:maxMoves]
		p.lookAt(p.view.Now.Add(movePause))
	}
	for _, m := range moves {
		if err := p.moveOne(ctx, view, m); err != nil {
			return fmt.Errorf("cannot move pod %s: %w", m.Pod.Name, err)
		}
	}
	return nil
}

func (p *pass) isRefused(m spread.Move) bool { return p.memory.refused[m.Pod.UID] }

// moveOne looks at the pod once more, and deletes it if nothing changed, and
// nothing changes in between.
func (p *pass) moveOne(ctx context.Context, view spread.View, m spread.Move) error {
	pod := &corev1.Pod{}
	if err := p.live.Get(ctx, client.ObjectKeyFromObject(m.Pod), pod); err != nil {
		return client.IgnoreNotFound(err)
	}
	var ok bool
	if m.Why, ok = view.Confirms(m, pod); !ok {
		return nil
	}
	unchanged := metav1.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion}
	remove := p.remove
	if owner, has := spread.ControllerOf(pod); has && owner.GroupKind == (schema.GroupKind{Group: batchv1.GroupName, Kind: "Job"}) {
		forgives, err := p.forgives(ctx, pod, owner)
		if err != nil {
			return err
		}
		if !forgives {
			p.refuse(m)
			return nil
		}
		remove = p.evict
	}
	err := remove(ctx, pod, unchanged)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsTooManyRequests(err) {
		p.lookAt(p.view.Now.Add(movePause))
		return nil
	}
	if err != nil {
		return err
	}
	p.memory.deleted[pod.UID] = true
	p.metrics.moved(m.Why.Downstream)
	logf.FromContext(ctx).Info("Pod leaves its subset", "pod", pod.Name, "subset", m.Subset, "downstream", m.Why.Downstream)
	p.tell(m, corev1.EventTypeNormal, reasonRescheduled, "Pod %s leaves subset %q, where %s scheduler found no node: %s")
	return nil
}

func (p *pass) remove(ctx context.Context, pod *corev1.Pod, unchanged metav1.Preconditions) error {
	return p.client.Delete(ctx, pod, client.Preconditions(unchanged))
}

// evict deletes a pod by way of an eviction, which marks it as disrupted.
func (p *pass) evict(ctx context.Context, pod *corev1.Pod, unchanged metav1.Preconditions) error {
	return p.client.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &unchanged},
	})
}

// forgives says whether a Job does not count a disrupted pod as a failure. To
// any other Job each pod we delete is one of its backoffLimit, and the seventh
// would fail it.
func (p *pass) forgives(ctx context.Context, pod *corev1.Pod, owner spread.Owner) (bool, error) {
	job := &batchv1.Job{}
	if err := p.live.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: owner.Name}, job); err != nil {
		return false, fmt.Errorf("cannot read the Job: %w", err)
	}
	if job.UID != owner.UID || job.Spec.PodFailurePolicy == nil {
		return false, nil
	}
	isDisruption := func(c batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue
	}
	// The first rule that fits decides.
	for _, rule := range job.Spec.PodFailurePolicy.Rules {
		if slices.ContainsFunc(rule.OnPodConditions, isDisruption) {
			return rule.Action == batchv1.PodFailurePolicyActionIgnore, nil
		}
	}
	return false, nil
}

// refuse leaves a pod where it is for good, and says so once.
func (p *pass) refuse(m spread.Move) {
	p.memory.refused[m.Pod.UID] = true
	p.tell(m, corev1.EventTypeWarning, reasonNotRescheduled,
		"Pod %s stays in subset %q, since its Job would count that as a failure (add a podFailurePolicy that ignores DisruptionTarget); %s scheduler found no node: %s")
}

// tell records an event on the target and on the WorkloadSpread. The format
// names the pod, the subset, the scheduler and its words.
func (p *pass) tell(m spread.Move, eventType, reason, format string) {
	scheduler := "the"
	if m.Why.Downstream {
		scheduler = "the downstream"
	}
	text := eventnote.Format(format, m.Pod.Name, m.Subset, scheduler, m.Why.Message)
	p.events.Eventf(p.target(), m.Pod, eventType, reason, "Reschedule", "%s", text)
	p.events.Eventf(p.view.Spread, m.Pod, eventType, reason, "Reschedule", "%s", text)
}

// target is what events about the target refer to.
func (p *pass) target() *corev1.ObjectReference {
	ref := p.view.Spread.Spec.TargetReference
	return &corev1.ObjectReference{
		APIVersion: ref.APIVersion, Kind: ref.Kind, Namespace: p.key.Namespace, Name: ref.Name, UID: p.view.Target.UID,
	}
}
