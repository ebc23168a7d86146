// Package sidecar puts the containers of SidecarSets into pods, and says how
// pods that have them follow a set that changed. It is part of the core: values
// in, values out. Semantics are Kruise's; decision 0011 lists what differs, and
// why.
//
// A SidecarSet is compiled once, when it changes, and a pod is matched against
// the compiled sets:
//
//	set.go        Compile: defaulted, judged, selectors parsed, hashes computed
//	default*.go   Default: what a SidecarSet need not say, and its containers and volumes
//	hash.go       what identifies a version of a set
//	validate*.go  Validate: what can never work, with field paths
//	conflict.go   Conflicts: what two sets on the same pods must not both say;
//	              overlap.go, whether they can be on the same pods
//	warnings.go   Warnings: what a valid set does that its author may not expect
//	whitelist.go  Whitelist: which annotations sets may write
//
//	inject.go     Inject: all sets into one pod, in the order of their names
//	accept.go     does a set fit into the pod, beside those before it? draft.go, put it there
//	match.go      is a pod a set's?
//	revision.go   which revision of the set does it get? pin.go, which are there?
//	container.go  one sidecar for one pod; mounts.go and env.go, what it shares with the app
//	overlay.go    the same sidecar again, without losing what others added to it
//	volumes.go    volumes and pull secrets; ports.go, ports of the machine
//	metadata.go   annotations by patchPodMetadata
//	record.go     the annotations that say what is in a pod
//
//	history.go    revisions of a set: their content, and which are kept
//	rollout.go    which pods get new images now; order.go, which of them first
//	update.go     one pod with new images
//	report.go     status of a set, and conditions of its pods
//
// Inject is idempotent: what it put into a pod, it finds again by the record and
// by the environment of the containers, and leaves as others made it since.
//
// The package refuses to overwrite a container that is not its own: a set that
// does not fit into a pod is left out as a whole, with an error, and never keeps
// the pod from being created. It refuses what it understands by half: hot
// upgrade, sets that replace others (canaries), and fields that it does not
// know.
package sidecar
