package pods

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Recovery has every pod looked at again as soon as the downstream API server
// answers again: after an outage each would wait out its own pause, which has
// grown as long as the outage was.
type Recovery struct {
	upstream client.Reader
	// signals holds at most one, since one look serves all.
	signals chan struct{}
	events  chan event.TypedGenericEvent[*corev1.Pod]
}

// NewRecovery returns a Recovery of the pods in the upstream cache.
func NewRecovery(upstream client.Reader) *Recovery {
	return &Recovery{
		upstream: upstream,
		signals:  make(chan struct{}, 1),
		events:   make(chan event.TypedGenericEvent[*corev1.Pod]),
	}
}

// Signal tells that the downstream API server answers again. It never blocks.
func (r *Recovery) Signal() {
	select {
	case r.signals <- struct{}{}:
	default:
	}
}

// Start passes the pods of every signal on, until ctx ends.
func (r *Recovery) Start(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.signals:
		}
		var pods corev1.PodList
		if err := r.upstream.List(ctx, &pods); err != nil {
			return fmt.Errorf("cannot list the upstream pods: %w", err)
		}
		logf.FromContext(ctx).Info("The downstream API server answers again; looking at all pods", "pods", len(pods.Items))
		for i := range pods.Items {
			select {
			case <-ctx.Done():
				return nil
			case r.events <- event.TypedGenericEvent[*corev1.Pod]{Object: &pods.Items[i]}:
			}
		}
	}
}

func (r *Recovery) source() source.Source {
	return source.Channel(r.events, &handler.TypedEnqueueRequestForObject[*corev1.Pod]{})
}
