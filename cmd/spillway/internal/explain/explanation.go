package explain

import (
	"time"

	"github.com/spillway-io/spillway/webhook/stash"
)

// Severity is how bad something is.
type Severity string

// The severities, the worst last.
const (
	Note    Severity = "note"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Advice is a cause, and what to do about it.
type Advice struct {
	Severity Severity `json:"severity"`
	// Cause is a sentence without a full stop.
	Cause string `json:"cause"`
	// Do is what helps: a command, or an edit. Empty where nothing has to be done.
	Do []string `json:"do,omitempty"`
}

// Explanation is the answer. Names of fields are stable; sections that do not apply
// are missing.
type Explanation struct {
	Asked
	// Found says that the object exists.
	Found bool `json:"found"`
	// Summary is a line that says how things stand.
	Summary string `json:"summary"`
	// Advice is in the order of severity, the worst first.
	Advice   []Advice  `json:"advice"`
	OptIn    *OptIn    `json:"optIn,omitempty"`
	Spread   *Spread   `json:"workloadSpread,omitempty"`
	Stash    *Stash    `json:"stash,omitempty"`
	Sidecars []Sidecar `json:"sidecarSets,omitempty"`
	Place    *Place    `json:"place,omitempty"`
	Pods     *Pods     `json:"pods,omitempty"`
	// NextPod is what admission makes of the next pod of the workload.
	NextPod *NextPod `json:"nextPod,omitempty"`
	// Events are of both clusters, the latest first.
	Events  []Event   `json:"events,omitempty"`
	Unknown []Unknown `json:"unknown,omitempty"`
	// Time is when the clusters were asked.
	Time time.Time `json:"time"`
}

// OptIn is whether a pod like this is handled when it is created.
type OptIn struct {
	Handled bool `json:"handled"`
	// Reason is the name of why it is not, see mutate.Reason; namespace-unknown if that
	// depends on a namespace that could not be read.
	Reason string `json:"reason,omitempty"`
	// Why is a sentence about it.
	Why string `json:"why"`
	// Touched says that Spillway has left its marks in the pod.
	Touched bool `json:"touched"`
}

// Spread is the WorkloadSpread that targets the pod.
type Spread struct {
	Name string `json:"name"`
	// Subset is the pod's; empty if it has none.
	Subset string `json:"subset,omitempty"`
	// Told is the latest event about such a choice, if it is there still. It names the
	// owner, not the pod: several pods share both.
	Told    string   `json:"told,omitempty"`
	Subsets []Subset `json:"subsets"`
	// Next is what the next pod of the workload would get, in a sentence, and
	// NextSubset its subset.
	Next       string `json:"next,omitempty"`
	NextSubset string `json:"nextSubset,omitempty"`
	// NearMisses are WorkloadSpreads that nearly target the pod, with the reason why
	// they do not.
	NearMisses []string `json:"nearMisses,omitempty"`
}

// Subset is one of its subsets, for pods of this version.
type Subset struct {
	Name    string `json:"name"`
	Virtual bool   `json:"virtual"`
	// Pods is how many active pods are in it, and Held how many more slots are
	// reserved.
	Pods int `json:"pods"`
	Held int `json:"held,omitempty"`
	// Most is maxReplicas as a number; missing: any number.
	Most *int `json:"max,omitempty"`
	// Schedulable is the condition: True, False or Unknown; empty if it has none.
	Schedulable string     `json:"schedulable,omitempty"`
	Since       *time.Time `json:"since,omitempty"`
	Message     string     `json:"message,omitempty"`
	// Cordoned says that its virtual nodes are all cordoned.
	Cordoned bool `json:"cordoned,omitempty"`
	// Passed is why the next pod does not get it, though it comes first.
	Passed string `json:"passed,omitempty"`
}

// Stash is what is kept of the author's scheduling fields.
type Stash struct {
	// Origin is absent, ours, supplied, or malformed.
	Origin string `json:"origin"`
	Error  string `json:"error,omitempty"`
	// Downstream is what the downstream pod gets; missing if that cannot be told.
	Downstream *stash.Fields `json:"downstream,omitempty"`
	// Diff goes from the scheduling fields of the upstream pod to those downstream,
	// as a unified diff of YAML; empty if they are the same.
	Diff string `json:"diff,omitempty"`
	// Differs says that the live downstream pod has other fields than these.
	Differs string `json:"differs,omitempty"`
}

// Sidecar is a SidecarSet and what it is to the pod.
type Sidecar struct {
	Name string `json:"name"`
	// State is in the pod, outdated, missing, failed, paused, or not selected.
	State SidecarState `json:"state"`
	// Why is a sentence about it.
	Why string `json:"why"`
}

// SidecarState is what a SidecarSet is to a pod.
type SidecarState string

// The states.
const (
	Injected    SidecarState = "injected"
	Outdated    SidecarState = "outdated"
	Missing     SidecarState = "missing"
	Failed      SidecarState = "failed"
	Paused      SidecarState = "paused"
	NotSelected SidecarState = "not-selected"
)

// Place is where the pod is.
type Place struct {
	// Node is the upstream node; empty while it has none.
	Node string `json:"node,omitempty"`
	// Virtual says that it is a virtual one, and Ready what it says of itself.
	Virtual bool   `json:"virtual"`
	Ready   string `json:"ready,omitempty"`
	Phase   string `json:"phase"`
	// Waits is why the pod does not run, as its status says.
	Waits string `json:"waits,omitempty"`
	// Downstream is the downstream pod, NAMESPACE/NAME, and DownstreamNode its node.
	Downstream      string `json:"downstream,omitempty"`
	DownstreamNode  string `json:"downstreamNode,omitempty"`
	DownstreamPhase string `json:"downstreamPhase,omitempty"`
	// Source is where the way to the downstream cluster was found.
	Source string `json:"source,omitempty"`
}

// Pods are the pods of a workload.
type Pods struct {
	Wanted  *int  `json:"wanted,omitempty"`
	Total   int   `json:"total"`
	Running int   `json:"running"`
	Ready   int   `json:"ready"`
	Rows    []Row `json:"rows"`
	// Troubles are the pods that do not run, by reason, the most first.
	Troubles []Trouble `json:"troubles,omitempty"`
}

// Row is the pods of one subset on one node; without a WorkloadSpread, of one node.
type Row struct {
	Subset string `json:"subset,omitempty"`
	Node   string `json:"node"`
	Pods   int    `json:"pods"`
	Ready  int    `json:"ready"`
}

// Trouble is a reason, how many pods have it, and one of them.
type Trouble struct {
	Reason  string `json:"reason"`
	Pods    int    `json:"pods"`
	Example string `json:"example"`
	Message string `json:"message,omitempty"`
}

// NextPod is the outcome of an admission.
type NextPod struct {
	Denied   string   `json:"denied,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Event is something that was told of the pod or of its owners.
type Event struct {
	Last    time.Time `json:"last"`
	Count   int32     `json:"count"`
	Warning bool      `json:"warning"`
	// Cluster is upstream or downstream, and About the object, KIND/NAME.
	Cluster string `json:"cluster"`
	About   string `json:"about"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	From    string `json:"from"`
}
