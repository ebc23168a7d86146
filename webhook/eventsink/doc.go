// Package eventsink writes events to an API server without holding up who records them.
//
// client-go's broadcaster of events.k8s.io events writes the last count of each series that
// has ended, one after the other, under the lock that every new event needs. With a
// thousand series, or an API server that takes its time, that is minutes: new
// events wait, each as a goroutine, and nobody sees why a pod is where it is.
//
//	record   the broadcaster hands an event over, and goes on
//	wait     in the lane of its name, so that what is said of one event stays in order
//	write    by the lane's goroutine, new events first; again while the API server cannot
//	         be reached
//
// Events are not worth an outage. What finds its lane full is left out, and how many that
// were is logged when there is room again.
package eventsink
