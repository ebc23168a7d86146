package explain

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

// maxEvents is how many are told.
const maxEvents = 12

// events are those of both clusters, the latest first, each told once. Those that the
// virtual node has brought up stand upstream too.
func (w world) events() []Event {
	var all []Event
	all = w.addEvents(all, w.Events, upstreamCluster)
	if w.Below != nil {
		all = w.addEvents(all, w.Below.Events, downstreamCluster)
	}
	slices.SortStableFunc(all, func(a, b Event) int { return b.Last.Compare(a.Last) })
	return all
}

func (w world) addEvents(all []Event, events []corev1.Event, cluster string) []Event {
	for i := range events {
		if !w.isAbout(&events[i], cluster) {
			continue
		}
		e := eventOf(&events[i], cluster)
		same := slices.IndexFunc(all, func(had Event) bool {
			return had.Reason == e.Reason && had.Message == e.Message && had.About == e.About
		})
		switch {
		case same < 0:
			all = append(all, e)
		case all[same].Cluster == cluster:
			// Several replicas of the webhook tell, and each in several events.
			all[same].Count += e.Count
			if e.Last.After(all[same].Last) {
				all[same].Last = e.Last
			}
		}
	}
	return all
}

func eventOf(e *corev1.Event, cluster string) Event {
	return Event{
		Last: lastSeen(e), Count: timesSeen(e), Warning: e.Type == corev1.EventTypeWarning, Cluster: cluster,
		About: e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name, Reason: e.Reason, Message: e.Message,
		From: cmp.Or(e.ReportingController, e.Source.Component),
	}
}

const (
	upstreamCluster   = "upstream"
	downstreamCluster = "downstream"
)

// isAbout leaves out what is about something else of the same name, such as the
// predecessor of a pod.
func (w world) isAbout(e *corev1.Event, cluster string) bool {
	about := e.InvolvedObject
	if cluster == downstreamCluster {
		return about.Kind != "Pod" || w.Below.Pod == nil || about.UID == w.Below.Pod.UID
	}
	if w.Pod != nil && about.Kind == "Pod" {
		return about.UID == w.Pod.UID
	}
	if about.Kind == "Pod" {
		return w.Asked.Kind == about.Kind
	}
	return slices.ContainsFunc(w.owners, func(o spread.Owner) bool { return o.Kind == about.Kind && o.Name == about.Name })
}

func lastSeen(e *corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	for _, at := range []time.Time{e.EventTime.Time, e.CreationTimestamp.Time} {
		if at.After(last) {
			last = at
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}

func firstSeen(e *corev1.Event) time.Time {
	for _, at := range []time.Time{e.EventTime.Time, e.FirstTimestamp.Time} {
		if !at.IsZero() {
			return at
		}
	}
	return e.CreationTimestamp.Time
}

func timesSeen(e *corev1.Event) int32 {
	if e.Series != nil {
		return e.Series.Count
	}
	return max(1, e.Count)
}
