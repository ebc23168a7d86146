package events

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/provider/translate"
)

// sink is where a reflector puts the events it watches. It is a store that
// keeps nothing: every version is offered once, also those of a list.
type sink struct{ offer func(news) }

var _ cache.TransformingStore = sink{}

// Add offers a new event.
func (s sink) Add(object any) error {
	if event, ok := object.(*corev1.Event); ok {
		s.offer(news{Event: event})
	}
	return nil
}

// Update offers an event that was seen again.
func (s sink) Update(object any) error { return s.Add(object) }

// Delete does nothing: events fade, in both clusters by themselves.
func (sink) Delete(any) error { return nil }

// Replace offers what a list has, at the start and after the watch was lost.
func (s sink) Replace(objects []any, _ string) error {
	for _, object := range objects {
		if event, ok := object.(*corev1.Event); ok {
			s.offer(news{Event: event, listed: true})
		}
	}
	return nil
}

// Resync does nothing.
func (sink) Resync() error { return nil }

// Transformer makes events smaller before they are held anywhere.
func (sink) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		if event, ok := object.(*corev1.Event); ok {
			event.ManagedFields, event.Labels, event.Annotations = nil, nil, nil
			event.Related = nil
			event.Message = translate.EventText(event.Message)
		}
		return object, nil
	}
}
