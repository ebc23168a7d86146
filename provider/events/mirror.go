package events

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// maxName is the API's limit for names.
	maxName = 253
	// tagLength is how many hexadecimal digits tell the events of a pod apart.
	tagLength = 16
)

// Mirror returns the upstream event for a downstream one, or nil when the event
// is not about the downstream pod or that pod does not stand for the upstream
// one. Who reported it, why, how often and when are kept. The related object
// is left out: it is downstream.
func Mirror(event *corev1.Event, downstream, upstream *corev1.Pod, id translate.Identity) *corev1.Event {
	about := event.InvolvedObject
	if about.Kind != "Pod" || about.UID != downstream.UID || !id.StandsFor(downstream, upstream) {
		return nil
	}
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: upstream.Namespace, Name: nameOf(upstream.Name, event.UID)},
		// Without a resource version: nothing upstream had the downstream pod's.
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: upstream.Namespace, Name: upstream.Name, UID: upstream.UID,
			FieldPath: about.FieldPath,
		},
		Type:                event.Type,
		Reason:              event.Reason,
		Action:              event.Action,
		Message:             translate.EventText(event.Message),
		Source:              event.Source,
		ReportingController: event.ReportingController,
		ReportingInstance:   event.ReportingInstance,
		FirstTimestamp:      event.FirstTimestamp,
		LastTimestamp:       event.LastTimestamp,
		Count:               event.Count,
		EventTime:           event.EventTime,
		Series:              event.Series,
	}
}

// nameOf is the upstream event's name: the pod's, and what tells its events
// apart, as in the names that client-go gives.
func nameOf(pod string, event types.UID) string {
	sum := sha256.Sum256([]byte(event))
	tag := "." + hex.EncodeToString(sum[:])[:tagLength]
	return strings.TrimRight(pod[:min(len(pod), maxName-len(tag))], "-.") + tag
}

// again is the merge patch for an upstream event whose downstream event was seen
// again. What else an event has never changes.
func again(upstream *corev1.Event) ([]byte, error) {
	patch, err := json.Marshal(map[string]any{
		"message":       upstream.Message,
		"count":         upstream.Count,
		"lastTimestamp": upstream.LastTimestamp,
		"series":        upstream.Series,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot write the patch of an event: %w", err)
	}
	return patch, nil
}

// told says whether the upstream event, as it is there, has all that again would
// patch.
func told(upstream, there *corev1.Event) bool {
	return there.Message == upstream.Message && there.Count == upstream.Count &&
		there.LastTimestamp.Equal(&upstream.LastTimestamp) && apiequality.Semantic.DeepEqual(there.Series, upstream.Series)
}

// repeated says whether the event was seen more than once, so that it has most
// likely been shown upstream already.
func repeated(event *corev1.Event) bool { return event.Count > 1 || event.Series != nil }

// lastSeen is when the downstream event happened for the last time.
func lastSeen(event *corev1.Event) time.Time {
	last := event.CreationTimestamp.Time
	seen := []time.Time{event.FirstTimestamp.Time, event.LastTimestamp.Time, event.EventTime.Time}
	if event.Series != nil {
		seen = append(seen, event.Series.LastObservedTime.Time)
	}
	for _, at := range seen {
		if at.After(last) {
			last = at
		}
	}
	return last
}
