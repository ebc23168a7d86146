package references

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Versions are what a copy was last seen to be right with: the upstream object, and
// the copy as it was then. Resource versions change with every change of any kind.
type Versions struct {
	Upstream, Copy Version
}

// Version is one version of one object.
type Version struct {
	UID             types.UID
	ResourceVersion string
}

func versionOf(object metav1.Object) Version {
	return Version{UID: object.GetUID(), ResourceVersion: object.GetResourceVersion()}
}

// Situation is what is known about a copy that pods use.
type Situation struct {
	// Upstream is the object to copy and Copy what has its name downstream; nil
	// when there is none.
	Upstream, Copy metav1.Object
	// Owned says that Copy carries our marks.
	Owned bool
	// Needed says that a pod which uses the copy cannot do without.
	Needed bool
	// Settled is the zero value until the copy was made right, or found to be; after a
	// restart it was not.
	Settled Versions
	// Fresh says that the write was moments ago, so that Copy, which comes from a
	// cache, may be behind it.
	Fresh bool
	// Corrected says that a change by somebody else was undone moments ago.
	Corrected bool
}

// Verb is what to do about a copy.
type Verb string

// The verbs.
const (
	Leave  Verb = "leave"
	Create Verb = "create"
	Update Verb = "update"
	// Verify is Update unless the copy, read from the API server, is right already.
	Verify   Verb = "verify"
	Withdraw Verb = "withdraw"
)

// State is what a copy is to the pods that refer to it.
type State string

// The states.
const (
	// Ready: pods can use it.
	Ready State = "ready"
	// Missing: the upstream object does not exist.
	Missing State = "missing"
	// Conflict: a foreign object has its name.
	Conflict State = "conflict"
)

// Action is what to do about a copy, and what it will be then.
type Action struct {
	Verb  Verb
	State State
	// Again is when to decide again if nothing changes; zero is never.
	Again time.Duration
}

const (
	// settling is how long the downstream cache may be behind a write of ours.
	settling = 2 * time.Second
	// correctionPause is the least time between two corrections of one copy, so that
	// a fight with another writer stays cheap.
	correctionPause = 10 * time.Second
	// conflictRetry is how long a foreign object is left in peace; it is not watched.
	conflictRetry = 30 * time.Second
	// terminatingRetry is when to look again at a namespace that is being deleted,
	// which takes some seconds and is not watched.
	terminatingRetry = 2 * time.Second
	// homelessRetry is when to look again for a namespace that a pod makes.
	homelessRetry = 30 * time.Second
)

// Plan decides about a copy that pods use. The first row that fits holds.
//
//	upstream object  downstream object        action    state
//	───────────────  ───────────────────────  ────────  ────────
//	any              foreign                  leave     conflict
//	none             none                     leave     missing
//	none             ours, a pod needs it     leave     missing   what runs goes on, as on a kubelet
//	none             ours, all do without     withdraw  missing   and the files go, as on a kubelet
//	exists           ours or none, but fresh  leave     ready     the cache will show it
//	exists           none                     create    ready
//	exists           ours, as we left it      leave     ready
//	exists           ours, just corrected     leave     ready     somebody changes it all the time
//	exists           ours, never written      verify    ready     by this process: most likely it is right
//	exists           ours, unknown version    update    ready     of either; writing what is there is no change
func Plan(s Situation) Action {
	switch {
	case s.Copy != nil && !s.Owned:
		return Action{Verb: Leave, State: Conflict, Again: conflictRetry}
	case s.Upstream == nil && (s.Copy == nil || s.Needed):
		return Action{Verb: Leave, State: Missing}
	case s.Upstream == nil:
		return Action{Verb: Withdraw, State: Missing}
	case s.Fresh && s.Settled.Upstream == versionOf(s.Upstream):
		return Action{Verb: Leave, State: Ready, Again: settling}
	case s.Copy == nil:
		return Action{Verb: Create, State: Ready}
	case s.Settled == Versions{Upstream: versionOf(s.Upstream), Copy: versionOf(s.Copy)}:
		return Action{Verb: Leave, State: Ready}
	case s.Settled == Versions{}:
		return Action{Verb: Verify, State: Ready}
	case s.Corrected && s.Settled.Upstream == versionOf(s.Upstream):
		return Action{Verb: Leave, State: Ready, Again: correctionPause}
	default:
		return Action{Verb: Update, State: Ready}
	}
}
