// Package events shows upstream what downstream components tell about downstream
// pods: the scheduler's reasons, the kubelet's probes and pulls. Each becomes one
// event about the upstream pod, so that kubectl describe has it where the pod's
// owner looks.
//
//	watch   events about pods, one stream for the whole cluster    (sink.go)
//	hold    the latest version of each, at most maxHeld of them    (inbox.go)
//	drop    what every start of a pod has, if it went well         (routine.go, pure)
//	Mirror  event and both pods to the upstream event              (mirror.go, pure)
//	write   create once, patch when it was seen again              (write.go)
//
// The name upstream follows from the downstream event's UID. So a process that
// starts again, or another replica that takes over, finds what it wrote before
// and makes no second one, and nothing has to be remembered here.
//
// Scheduled, Pulling, Pulled, Created, Started: that is a handful of writes for each
// pod, which say what its status says better. They are shown, with the times at
// which they happened, only about pods that are not Ready some seconds later.
//
// Events are not worth an outage. One that is older than maxAge is history and is
// not told again; a pod that talks too much is cut off for a while (budget.go);
// all pods together are bounded in requests and in memory. What is left out is
// counted in a metric by its reason. When a downstream event was left out and is
// seen again later, its upstream event has all the counts.
//
// The package refuses to speak about a pod that is not owned or does not stand
// for the live upstream pod, and never reads Secrets. A text that names the
// downstream namespace or node is left as it is: it is about them.
package events
