package pods

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// Preparer makes what a pod refers to exist in the downstream cluster before the
// pod does: its ConfigMaps and Secrets, its token, its claims.
type Preparer interface {
	// Prepare is called for a pod that is about to be created downstream, each time
	// that is tried, with the pod as the API server has it. It returns what stands
	// in the way, nothing when the pod may be created. An error is transient.
	Prepare(ctx context.Context, upstream *corev1.Pod) ([]Obstacle, error)
}

// Obstacle keeps a pod from being created. It becomes the upstream pod's reason
// and message while it is Pending, and an event.
type Obstacle struct {
	// Reason is one word.
	Reason string
	// Message names the object and what can be done.
	Message string
	// Again is when to look again if nothing reports a change; zero is never.
	Again time.Duration
}

// prepare asks everything that a new downstream pod depends on. All preparers are
// asked, whatever the others say: each can get on with its own part, and their
// obstacles are told together. One that finds no namespace gets it, and is asked
// again with the next plan.
func (r *Reconciler) prepare(ctx context.Context, w *World) error {
	var obstacles []Obstacle
	var errs []error
	for _, p := range r.Preparers {
		found, err := p.Prepare(ctx, w.Upstream)
		obstacles, errs = append(obstacles, found...), append(errs, err)
	}
	facts, notes, err := r.facts(ctx, w.Upstream)
	err = errors.Join(append(errs, err)...)
	if err != nil && judge(err) == homeless {
		return r.settle(ctx, w.Upstream)
	}
	if err != nil {
		r.complain(w.Upstream, err)
		return fmt.Errorf("cannot prepare the downstream pod: %w", err)
	}
	w.Prepared, w.Obstacles, w.Facts, w.Notes = true, obstacles, facts, notes
	return nil
}

// facts finds out what translation has to know. It is read from the API server:
// it is asked once for each pod, and only for those that have a PriorityClass, and
// a cache that may not be filled would keep its readers waiting. Where we may not
// look, the pod has to do without, and is told.
func (r *Reconciler) facts(ctx context.Context, upstream *corev1.Pod) (translate.Facts, []translate.Note, error) {
	name := upstream.Spec.PriorityClassName
	if name == "" {
		return translate.Facts{}, nil, nil
	}
	class := &metav1.PartialObjectMetadata{}
	class.SetGroupVersionKind(schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"))
	err := r.Downstream.Live.Get(ctx, client.ObjectKey{Name: name}, class)
	switch {
	case apierrors.IsForbidden(err):
		note := fmt.Sprintf("PriorityClass %q may not be looked for in the downstream cluster: the pod has its default priority there: %v", name, err)
		return translate.Facts{}, []translate.Note{{Reason: translate.NotePriorityClassMissing, Message: note}}, nil
	case apierrors.IsNotFound(err):
		return translate.Facts{}, nil, nil
	case err != nil:
		return translate.Facts{}, nil, fmt.Errorf("cannot read the downstream PriorityClass: %w", err)
	}
	return translate.Facts{PriorityClass: true}, nil, nil
}
