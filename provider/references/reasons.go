package references

import "github.com/spillway-io/spillway/provider/pods"

// Reasons in events about upstream pods, and in the status of those that wait. The
// first four are those of virtual-kubelet.
const (
	// ReasonMandatoryConfigMap: the pod waits for a ConfigMap that does not exist.
	ReasonMandatoryConfigMap = "MandatoryConfigMapNotFound"
	// ReasonMandatorySecret: the pod waits for a Secret that does not exist.
	ReasonMandatorySecret = "MandatorySecretNotFound"
	// ReasonOptionalConfigMap: the pod runs without a ConfigMap; an event only.
	ReasonOptionalConfigMap = "OptionalConfigMapNotFound"
	// ReasonOptionalSecret: the pod runs without a Secret, which may be one to pull
	// images with; an event only.
	ReasonOptionalSecret = "OptionalSecretNotFound"
	// ReasonConflict: a foreign downstream object has the name of one that the pod
	// refers to. The word is the one for pods.
	ReasonConflict = pods.ReasonConflict
	// ReasonReserved: the pod refers to an object by a name that is kept for tokens
	// and the like.
	ReasonReserved = "ReservedName"
	// ReasonUnreadable: this virtual node may not read an object that the pod refers
	// to.
	ReasonUnreadable = "ReferenceUnreadable"
	// ReasonRefused: the downstream API server refuses a copy.
	ReasonRefused = "ReferenceRefused"
	// ReasonToken: the upstream API server gives no token for the pod's
	// ServiceAccount.
	ReasonToken = "TokenRefused"
)
