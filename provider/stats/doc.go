// Package stats tells what the pods of one virtual node use, as a kubelet tells
// it: GET /stats/summary and GET /metrics/resource, for kubectl top, metrics-server
// and with it for HorizontalPodAutoscalers.
//
//	gather    our pods from both caches; from the downstream API server either the
//	          summaries of the kubelets that run them, or PodMetrics    (gather.go)
//	ours      pairs of upstream and downstream pod                      (pods.go)
//	match     figures of downstream pods, under upstream names          (figures.go)
//	advance   counters that do not fall while pods come and go          (counters.go)
//	summarize the kubelet's summary                                     (summary.go)
//	families  its metrics, from that summary                            (families.go)
//
// All but gather are functions from values to values. However many clients ask,
// one of them gathers at a time, and the others get what it has got (rounds.go).
//
// # What the figures mean
//
// The node's figures are sums over our pods: other pods on the downstream nodes,
// and the nodes' own programs, are not the virtual node's. A pod's own CPU and
// memory are those of its whole cgroup, as its kubelet measured them; containers
// that downstream admission added are in there and are not listed.
//
// PodMetrics have rates and no counters. Counters for /metrics/resource are then
// made here, by adding up the rates over the time between two readings: estimates,
// which begin anew with each process.
//
// The package refuses to tell of pods that are not bound to this virtual node, of
// downstream pods without our ownership marks and the upstream pod's UID, and of
// containers that the upstream pod does not name; and to make up what is not known:
// it is left out, and resource_scrape_error is 1. It authenticates nobody: package
// auth does.
package stats
