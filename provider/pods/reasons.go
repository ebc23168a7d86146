package pods

// Reasons in the status of upstream pods and in events about them. They are part
// of what people's alerts depend on.
const (
	// ReasonLost: the downstream pod was deleted there while it was wanted here.
	ReasonLost = "DownstreamPodDeleted"
	// ReasonRejected: the downstream API server will never take this pod.
	ReasonRejected = "DownstreamRejected"
	// ReasonConflict: a downstream pod of that name is not ours.
	ReasonConflict = "DownstreamConflict"
	// ReasonNodeAffinity: the pod's own requirements exclude this virtual node,
	// but somebody bound it here. The word is the kubelet's.
	ReasonNodeAffinity = "NodeAffinity"
	// ReasonStash: the stash cannot be trusted, so the constraints are unknown.
	ReasonStash = "StashUnreadable"
	// ReasonDaemonSet: one pod for each node makes no sense on a virtual one.
	ReasonDaemonSet = "DaemonSetPod"
	// ReasonMirror: a static pod belongs to the kubelet that read its file.
	ReasonMirror = "MirrorPod"
	// ReasonCreateFailed: the downstream API server refused for now; an event
	// only, never a status.
	ReasonCreateFailed = "DownstreamCreateFailed"
)
