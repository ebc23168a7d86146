package webhook

import (
	"context"
	"fmt"

	eventsv1client "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/spillway-io/spillway/webhook/eventsink"
)

// recording has events of admissions written for as long as the manager runs.
type recording struct {
	*eventsink.Sink

	broadcaster events.EventBroadcaster
	stop        context.CancelFunc
}

// addRecorder adds to the manager what writes events of admissions, and returns what
// records them. It is not the manager's own: that one can be held up for minutes; see
// package eventsink.
func addRecorder(ctx context.Context, mgr manager.Manager) (events.EventRecorder, error) {
	client, err := eventsv1client.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("cannot make a client for events: %w", err)
	}
	// The server answers for a while after ctx has ended.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := recording{Sink: eventsink.New(&events.EventSinkImpl{Interface: client}), stop: stop}
	r.broadcaster = events.NewBroadcaster(r.Sink)
	if err := r.broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		stop()
		return nil, fmt.Errorf("cannot record events: %w", err)
	}
	if err := mgr.Add(r); err != nil {
		stop()
		return nil, fmt.Errorf("cannot schedule the writing of events: %w", err)
	}
	return r.broadcaster.NewRecorder(mgr.GetScheme(), "spillway-webhook"), nil
}

// Start writes events until ctx ends, and takes none afterwards.
func (r recording) Start(ctx context.Context) error {
	defer r.broadcaster.Shutdown()
	defer r.stop()
	return r.Sink.Start(ctx)
}
