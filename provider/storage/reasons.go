package storage

// Reasons in the status of upstream pods, and in events about pods and claims.
// They are part of what people's alerts depend on.
const (
	// ReasonClaimNotFound: the pod names a claim that does not exist.
	ReasonClaimNotFound = "ClaimNotFound"
	// ReasonNotBound: the upstream claim has no volume yet.
	ReasonNotBound = "VolumeNotBound"
	// ReasonElsewhere: the volume is not to be had through this virtual node.
	ReasonElsewhere = "VolumeElsewhere"
	// ReasonUnsupported: volumes of that type cannot be had downstream.
	ReasonUnsupported = "VolumeUnsupported"
	// ReasonUnplaced: it is not known which downstream node has the directory.
	ReasonUnplaced = "VolumeUnplaced"
	// ReasonPredecessor: a downstream object still keeps the data of an earlier
	// claim or volume of that name.
	ReasonPredecessor = "DownstreamHoldsEarlierData"
	// ReasonReleased: the downstream copy of a volume lost its claim.
	ReasonReleased = "DownstreamVolumeReleased"
	// ReasonLost: the downstream claim that held the data was deleted there.
	ReasonLost = "DownstreamClaimLost"
	// ReasonImmediate: a class of ours has to wait for the first consumer.
	ReasonImmediate = "WaitForFirstConsumerNeeded"
	// ReasonUnsuitable: the claim asks for something that cannot be passed on.
	ReasonUnsuitable = "ClaimUnsuitable"
	// ReasonRejected: the downstream API server refused the claim or volume.
	ReasonRejected = "DownstreamRejected"
	// ReasonRetained: the class says Delete, but its volumes' data stays; an event
	// only.
	ReasonRetained = "VolumeRetained"
	// ReasonLeftover: the claim was deleted, its downstream claim stays; an event
	// only.
	ReasonLeftover = "DownstreamClaimKept"
)
