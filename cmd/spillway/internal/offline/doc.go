// Package offline admits the pods of an input of manifests, and recovers them,
// without a cluster. It asks the functions that the webhook and the virtual node
// ask; what surrounds those in a cluster, it reads from the same input:
//
//	Arrange   objects        ──▶ Scene: the World, and the Subjects in order
//	Admit     World, Subject ──▶ Result: the pod as admitted, its patch, why not
//	Recover   objects        ──▶ the pods that a virtual node creates downstream
//
// Subjects are Pods, and the first pods of the workloads of Kubernetes' own API
// groups and of OpenKruise, made as their controllers make them. All other objects
// are the world. A Pod that exists already is part of the world as well, and so
// is a workload that stands in the input as an owner.
//
// WorkloadSpreads are honoured as by the webhook, which reads their surroundings
// from caches and the API server (webhook/workload) and records slots that are
// taken (webhook/allocate). Here both are the world: each admitted subject becomes
// a part of it before the next one comes.
//
//	sidecars.go   what the input has of SidecarSets, and their revisions
//	spreads.go    what the input has of WorkloadSpreads, Nodes and existing pods
//	owners.go     whose pods they are
//	spreading.go  one subject after the other: choose, settle, count
//
// The package is not an API server: it sets no defaults and validates nothing
// but what Spillway itself judges. It invents what a cluster would draw at
// random or by the clock, always in the same way: the ends of generated names,
// UIDs, the hashes of templates, the time of a CronJob.
package offline
