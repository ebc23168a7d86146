// Package containers tells stories about pods whose containers really run: the
// downstream cluster's node is a real kubelet with containerd below it. What
// containers do to each other, what a kubelet restarts and what it leaves alone,
// and what it answers when asked for logs, kwok can only pretend.
//
// The stories are the package's tests. They share one stage: an upstream cluster
// with a webhook and a virtual node, and a downstream cluster with one node. All
// of that runs on a machine of its own (package machine) and ends with it, so
// nothing here needs to be undone; but it can be reached from inside only.
//
// The images are app:1, app:2, agent:1, agent:2 and agent:3, see package images: a
// shell with the usual tools, and a default command that says "<image> runs" and
// waits.
//
// It needs root, and apt-get the first time. Where that is missing the stories
// are left out, and the package says so on stderr and in .cache/left-out, which
// `make e2e` prints at its end.
package containers
