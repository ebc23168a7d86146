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
	// ReasonAccess: the pod asks for a Kubernetes API that the virtual node does not
	// let its pods have.
	ReasonAccess = "APIAccessRefused"
	// ReasonNotFollowed: the downstream API server refuses a change of the pod,
	// such as a resize, which then holds upstream only; an event only. It is tried
	// again with the next change of the pod's spec, and one that is forbidden (403)
	// every minute too.
	ReasonNotFollowed = "ChangeNotFollowed"
	// ReasonStranded: the downstream pod was to end, and whoever should have ended
	// it does not answer; an event and a DisruptionTarget condition only. The upstream
	// pod is deleted.
	ReasonStranded = "DownstreamPodStranded"
	// ReasonCreateFailed: the downstream API server refused for now; an event
	// only, never a status.
	ReasonCreateFailed = "DownstreamCreateFailed"
)
