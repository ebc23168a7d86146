package services

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// foreignRetry is how long we wait for a downstream object that is not ours, and
// whose deletion we are not told of, to go away.
const foreignRetry = 30 * time.Second

// World is what is known about one upstream Service.
type World struct {
	// Choice is that of its namespace.
	Choice Choice
	// Pods says that the virtual node has a pod in that namespace.
	Pods bool
	// Service is nil when there is none.
	Service *corev1.Service
	// Slices are those of the Service, by name.
	Slices map[string]*discoveryv1.EndpointSlice
	// Confirmed says that Choice, Service, and the absence of upstream slices for
	// OurSlices were read from the API server.
	Confirmed bool

	// Below is the downstream Service of that name, ours or not; nil when there is
	// none, or none of ours and nobody looked further.
	Below *corev1.Service
	// OurSlices are those that we made for the Service, by name.
	OurSlices map[string]*discoveryv1.EndpointSlice
}

// Row is the row of the state table that an Action comes from.
type Row string

// The rows of the state table.
const (
	RowNothing  Row = "nothing"
	RowWithdraw Row = "withdraw"
	RowShared   Row = "shared"
	RowConflict Row = "conflict"
	RowLeaving  Row = "leaving"
	RowReplace  Row = "replace"
	RowCreate   Row = "create"
	RowKeep     Row = "keep"
)

// Action is what to do, in the order of the fields; what is not set is not done.
type Action struct {
	Row Row
	// Confirm asks for a live reading of the upstream side and a new plan. Nothing
	// else is set then.
	Confirm bool
	// Create is the downstream Service to create, after which is planned anew.
	Create *corev1.Service
	// Service is the change of our Service.
	Service *Change[*corev1.Service]
	// Delete is our Service, to be deleted.
	Delete *corev1.Service
	// CreateSlices, Slices and DeleteSlices are the same for slices.
	CreateSlices []*discoveryv1.EndpointSlice
	Slices       []Change[*discoveryv1.EndpointSlice]
	DeleteSlices []*discoveryv1.EndpointSlice
	// Conflict is the foreign downstream Service that the upstream Service's owner
	// is told of.
	Conflict *corev1.Service
	// Again is when to plan again without an event; zero is never.
	Again time.Duration
}

// Change is an object of ours as it is and as it should be.
type Change[T any] struct{ From, To T }

// Plan decides what is to be done about one upstream Service. It is the state
// table of the package documentation, and has no effects.
func Plan(w World, id translate.Identity) Action {
	ours := w.Below != nil && id.Owns(w.Below)
	needed := w.Choice == Always || w.Choice == WithPods && (w.Pods || ours)
	wanted := needed && reflected(w.Service)
	switch {
	case !wanted && !ours && len(w.OurSlices) == 0:
		return Action{Row: RowNothing}
	case !wanted && !w.Confirmed:
		return Action{Row: RowWithdraw, Confirm: true}
	case !wanted && !ours:
		return Action{Row: RowWithdraw, DeleteSlices: w.all()}
	case !wanted:
		return Action{Row: RowWithdraw, Delete: w.Below, DeleteSlices: w.all()}
	case w.Below != nil && !ours && sibling(w.Below, w.Service.UID, id):
		return Action{Row: RowShared, DeleteSlices: w.all(), Again: foreignRetry}
	case w.Below != nil && !ours:
		return Action{Row: RowConflict, DeleteSlices: w.all(), Conflict: w.Below, Again: foreignRetry}
	case ours && w.Below.DeletionTimestamp != nil:
		return Action{Row: RowLeaving}
	}
	service := copyOf(w.Service, id)
	switch {
	case !ours:
		return Action{Row: RowCreate, Create: service}
	case !sameKind(w.Below, service):
		return Action{Row: RowReplace, Delete: w.Below}
	default:
		return w.keep(service, id)
	}
}

// sibling says whether a downstream Service is another virtual node's of the same
// upstream cluster, for the same upstream Service: then it says what ours would.
func sibling(below *corev1.Service, upstream types.UID, id translate.Identity) bool {
	return below.Labels[api.UpstreamLabel] == id.UpstreamID &&
		below.Labels[api.VirtualNodeLabel] != id.Node.Name &&
		below.Annotations[api.UpstreamUIDAnnotation] == string(upstream)
}

// keep makes our Service and its slices what they should be.
func (w World) keep(service *corev1.Service, id translate.Identity) Action {
	action := Action{Row: RowKeep}
	for _, slice := range w.all() {
		if w.Slices[slice.Name] != nil {
			continue
		}
		if !w.Confirmed {
			return Action{Row: RowKeep, Confirm: true}
		}
		action.DeleteSlices = append(action.DeleteSlices, slice)
	}
	if next := updated(w.Below, service); !equal(w.Below, next) {
		action.Service = &Change[*corev1.Service]{w.Below, next}
	}
	for _, slice := range sorted(w.Slices) {
		wanted, ours := sliceCopyOf(slice, id), w.OurSlices[slice.Name]
		switch {
		case ours == nil:
			action.CreateSlices = append(action.CreateSlices, wanted)
		case ours.AddressType != slice.AddressType:
			// It cannot change; the next plan creates the slice anew.
			action.DeleteSlices = append(action.DeleteSlices, ours)
		default:
			if next := updatedSlice(ours, wanted); !equal(ours, next) {
				action.Slices = append(action.Slices, Change[*discoveryv1.EndpointSlice]{ours, next})
			}
		}
	}
	return action
}

func (w World) all() []*discoveryv1.EndpointSlice { return sorted(w.OurSlices) }

func sorted(byName map[string]*discoveryv1.EndpointSlice) []*discoveryv1.EndpointSlice {
	var all []*discoveryv1.EndpointSlice
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all
}
