// Package api holds every key that other people's YAML and tools depend on:
// labels, annotations, taints and condition types. It is the one place where
// they are spelled, it holds constants only, and nothing in it may change
// meaning once released. Who writes and reads each key, and its exact value,
// is said beside it.
package api

// Opting in.
const (
	// OptInLabel on a pod or a namespace upstream asks Spillway to handle the
	// pod. On a pod any value other than OptedIn opts out, also in a namespace
	// that opted in.
	OptInLabel = "virtual-pod"
	// OptedIn is the only value of OptInLabel that opts in; case matters.
	OptedIn = "true"
	// OptedOut is the documented value of OptInLabel that opts out. Others opt
	// out too, with an admission warning, because they look like a typo.
	OptedOut = "false"
)

// The stash: scheduling fields as the pod's author wrote them.
const (
	// StashAnnotation on a pod, in both clusters, is the JSON of the scheduling
	// fields that the downstream pod gets. The name and the shape are those that
	// tensile-kube reads and writes.
	StashAnnotation = "clusterSelector"
	// StashMarkerAnnotation stands beside a stash that Spillway wrote itself:
	// "v1:sha256:<hex of the StashAnnotation value>". A stash without it was
	// supplied by a user or by a subset's patch.
	StashMarkerAnnotation = "spillway.io/stash"
)

// Ownership marks: on every object Spillway creates downstream, and on nothing
// else. What does not carry all of them is never updated, adopted or deleted.
const (
	// UpstreamLabel is the upstream cluster's id, the UID of its kube-system
	// namespace.
	UpstreamLabel = "spillway.io/upstream"
	// VirtualNodeLabel is the name of the virtual node that created the object.
	VirtualNodeLabel = "spillway.io/virtual-node"
	// UpstreamUIDAnnotation is the UID of the upstream object it stands for.
	UpstreamUIDAnnotation = "spillway.io/upstream-uid"
	// UpstreamNamespaceAnnotation is that object's namespace, on pods whose
	// namespace has another name downstream. It is no mark: nothing depends on it
	// but what the pod's own files say.
	UpstreamNamespaceAnnotation = "spillway.io/upstream-namespace"
	// UpstreamServerAnnotation on the Lease by which a virtual node claims the
	// downstream cluster is the upstream API server that its holder is given. Nothing
	// depends on it; it tells people a cluster from its clone.
	UpstreamServerAnnotation = "spillway.io/upstream-server"
	// TokenRefreshAnnotation on a downstream Secret with a pod's tokens is when to
	// replace them, in RFC 3339.
	TokenRefreshAnnotation = "spillway.io/refresh-tokens-at"
)

// The virtual node.
const (
	// NodeTypeLabel with the value NodeTypeVirtual is on every virtual node and
	// on no other node; placement onto virtual nodes requires it.
	NodeTypeLabel = "type"
	// NodeTypeVirtual is the value of NodeTypeLabel on a virtual node.
	NodeTypeVirtual = "virtual-kubelet"
	// NodeRoleLabel with the value NodeRoleAgent is what virtual-kubelet nodes
	// have always carried.
	NodeRoleLabel = "kubernetes.io/role"
	// NodeRoleAgent is the value of NodeRoleLabel on a virtual node.
	NodeRoleAgent = "agent"
	// ClusterIDLabel is set by operators to tell downstream clusters apart; it
	// is a routing key by default.
	ClusterIDLabel = "clusterID"
	// ExcludeFromLoadBalancersLabel keeps cloud load balancers from sending
	// traffic to a node that has no machine behind it.
	ExcludeFromLoadBalancersLabel = "node.kubernetes.io/exclude-from-external-load-balancers"
	// ProviderTaintKey, with ProviderTaintValue and the effect NoSchedule, is
	// the taint that keeps every pod off a virtual node that did not opt in.
	ProviderTaintKey = "virtual-kubelet.io/provider"
	// ProviderTaintValue is the value of the ProviderTaintKey taint.
	ProviderTaintValue = "spillway"
	// LargestPodAnnotation on a virtual node is the largest pod that one of the
	// downstream nodes has room for at present: a JSON object of resource names and
	// quantities. The sum over all nodes, which is the Node's allocatable, says
	// nothing about that.
	LargestPodAnnotation = "spillway.io/largest-pod"
	// DeleteOrphansAnnotation is set by operators on a virtual node whose orphans,
	// downstream pods without an upstream pod, are so many that they are not deleted
	// by themselves. Its value is how many may be deleted at most: the number that
	// the Node's event gave. The virtual node removes it before it deletes the first.
	DeleteOrphansAnnotation = "spillway.io/delete-orphans"
	// DownstreamAnnotation on a virtual node is the id of its downstream cluster, the
	// UID of its kube-system namespace. The virtual node writes it, and refuses to
	// work with another cluster while pods are in this one. Operators remove it when
	// the cluster is gone for good.
	DownstreamAnnotation = "spillway.io/downstream"
)

// What an upstream pod says about its downstream pod.
const (
	// DownstreamNodeAnnotation on an upstream pod is the downstream node that
	// runs it. On an upstream PersistentVolume whose data is on one downstream node,
	// its author names that node.
	DownstreamNodeAnnotation = "spillway.io/downstream-node"
	// DownstreamScheduledCondition on an upstream pod is the PodScheduled
	// condition of its downstream pod. PodScheduled itself stays the upstream
	// scheduler's word.
	DownstreamScheduledCondition = "spillway.io/DownstreamScheduled"
	// LargerThanAnyNodeReason is that condition's reason while no downstream node
	// could hold the pod even if nothing else ran there. Otherwise the reason is
	// the downstream scheduler's.
	LargerThanAnyNodeReason = "LargerThanAnyNode"
)

// What a pod, a namespace or a storage class asks of a virtual node.
const (
	// OnNodeLossAnnotation on an upstream pod, or on its namespace for all pods
	// that have none, says what becomes of the pod when its virtual node is lost,
	// that is, not ready or unreachable. It is read when the pod is created.
	OnNodeLossAnnotation = "spillway.io/on-node-loss"
	// OnNodeLossMove has the pod evicted and replaced, as Kubernetes does with every
	// pod: after 300 s, or what its tolerations say. It is the default.
	OnNodeLossMove = "move"
	// OnNodeLossStay has the pod stay, however long its virtual node is lost.
	OnNodeLossStay = "stay"
	// APIAccessAnnotation on an upstream pod is the Kubernetes API that its
	// containers find: "upstream", "downstream" or "none". It must be one that the
	// virtual node allows; without it the virtual node's default holds. On a
	// downstream pod it is what the pod was created with.
	APIAccessAnnotation = "spillway.io/api-access"
	// ReflectServicesAnnotation on an upstream namespace says, with "true" or
	// "false", whether its Services exist downstream of every virtual node, for pods
	// of all namespaces; without it each virtual node's default holds.
	ReflectServicesAnnotation = "spillway.io/reflect-services"
	// Provisioner in an upstream StorageClass leaves it to the virtual node that
	// the claim's pod goes to, to make the volume in its downstream cluster.
	Provisioner = "spillway.io/virtual-node"
	// StorageClassParameter among the parameters of such a StorageClass is the
	// StorageClass of downstream claims; without it, downstream's default one.
	StorageClassParameter = "downstreamStorageClass"
)

// Tracing.
const (
	// TraceParentAnnotation on a pod, in both clusters, is the span of its admission,
	// of which what the virtual node does with the pod is a part: a traceparent of the
	// W3C's Trace Context. The webhook writes it on pods whose admission it records.
	TraceParentAnnotation = "spillway.io/traceparent"
)

// Spreading over subsets.
const (
	// MatchedWorkloadSpreadAnnotation on an upstream pod says which subset of
	// which WorkloadSpread it is in: {"name":"ws","subset":"a"}, and "uid", the
	// key of its reservation, if it had no name when it took a slot. The
	// contract is Kruise's own.
	MatchedWorkloadSpreadAnnotation = "apps.kruise.io/matched-workloadspread"
	// VirtualSubsetsAnnotation on a WorkloadSpread lists, separated by commas,
	// the subsets that mean virtual nodes, instead of finding out.
	VirtualSubsetsAnnotation = "spillway.io/virtual-subsets"
	// ReturnToBaseAnnotation on a WorkloadSpread lets pods return from later to
	// earlier subsets: the value, a Go duration longer than 0 such as "10m", is how
	// long an earlier subset must have had room before they do, one at a time and
	// as far as PodDisruptionBudgets allow. Without it pods stay where they are.
	ReturnToBaseAnnotation = "spillway.io/return-to-base"
	// IgnorePatchMetadataAnnotation with the value "true" on a WorkloadSpread keeps
	// the labels and annotations of subset patches away from adopted pods. The
	// contract is Kruise's own.
	IgnorePatchMetadataAnnotation = "workloadspread.kruise.io/ignore-patch-existing-pods-metadata"
)

// Sidecars: what an upstream pod says about the sidecars in it. The contracts are
// Kruise's own, byte for byte, so that its tools read ours and we read its.
const (
	// SidecarSetHashAnnotation on a pod says by SidecarSet which version of it is in
	// the pod:
	// {"<set>":{"updateTimestamp":"…","hash":"…","sidecarSetName":"…","sidecarList":["…"],"controllerRevision":"…"}}.
	SidecarSetHashAnnotation = "kruise.io/sidecarset-hash"
	// SidecarSetHashWithoutImageAnnotation on a pod says the same of everything but
	// the images, without a controllerRevision: where it differs from the set, the
	// pod has to be created again to follow it.
	SidecarSetHashWithoutImageAnnotation = "kruise.io/sidecarset-hash-without-image"
	// SidecarSetListAnnotation on a pod names the SidecarSets in it, sorted and
	// separated by commas.
	SidecarSetListAnnotation = "kruise.io/sidecarset-injected-list"
	// SidecarSetUpdateStateAnnotation on a pod says by SidecarSet what its containers
	// were before their images were last changed in place.
	SidecarSetUpdateStateAnnotation = "kruise.io/sidecarset-inplace-update-state"
	// InjectedEnv with the value "true" is in the environment of every container
	// that was injected.
	InjectedEnv = "IS_INJECTED"
	// SidecarSetUpgradableCondition on a pod is False if a SidecarSet in it changed
	// in a way that cannot be followed in place.
	SidecarSetUpgradableCondition = "SidecarSetUpgradable"
	// DefaultContainerAnnotation on a pod names the container that kubectl logs and
	// exec mean. The contract is kubectl's own.
	DefaultContainerAnnotation = "kubectl.kubernetes.io/default-container"
	// SidecarSetNameLabel on a ControllerRevision is the SidecarSet that it is a
	// revision of.
	SidecarSetNameLabel = "kruise.io/sidecarset-name"
)
