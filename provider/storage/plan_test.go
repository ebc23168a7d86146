package storage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

func immediate(c *storagev1.StorageClass)     { c.VolumeBindingMode = nil }
func deletes(c *storagev1.StorageClass)       { c.ReclaimPolicy = nil }
func ofOthers(c *storagev1.StorageClass)      { c.Provisioner = "disk.example" }
func bigger(c *corev1.PersistentVolumeClaim)  { c.Status.Capacity = storage("5Gi") }
func isBound(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimBound }
func after(c *corev1.PersistentVolumeClaim, options ...claimOption) *corev1.PersistentVolumeClaim {
	for _, option := range options {
		option(c)
	}
	return c
}

// TestPlanProvisioned goes through the rows for claims of our provisioner.
func TestPlanProvisioned(t *testing.T) {
	ours := func(c *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim { return after(c, selected("east")) }
	mine := boundTo("pvc-1")
	cases := map[string]struct {
		reason string
		world  World
		want   plan
	}{
		"other-class": {
			"claims of other provisioners are none of our business",
			World{Claim: ours(claim()), Class: class(ofOthers)},
			plan{Row: RowUnbound},
		},
		"no-class": {"nor those whose class does not exist", World{Claim: ours(claim())}, plan{Row: RowUnbound}},
		"other-class-wanted": {
			"but a pod that is here already has to wait for it",
			World{Claim: claim(), Class: class(ofOthers), Wanted: true, Live: true},
			plan{Row: RowUnbound, Obstacle: ReasonNotBound},
		},
		"unbound-confirms": {"if a cache has it right", World{Claim: claim(), Class: class(ofOthers), Wanted: true}, plan{Row: RowUnbound, Confirm: true}},
		"missing":          {"or for a claim that is not there", World{Wanted: true, Live: true}, plan{Row: RowMissing, Obstacle: ReasonClaimNotFound}},
		"missing-confirms": {"if a cache has it right", World{Wanted: true}, plan{Row: RowMissing, Confirm: true}},
		"missing-with-remains": {
			"also if an earlier one has left something to tidy up",
			World{Wanted: true, Live: true, Volumes: []corev1.PersistentVolume{made(phase(corev1.VolumeReleased), deleted)}},
			plan{Row: RowMissing, Obstacle: ReasonClaimNotFound},
		},
		"deleting": {
			"a pod cannot begin with a claim that goes",
			World{Claim: claim(mine, func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = new(metav1.Now()) }), Volumes: []corev1.PersistentVolume{made()}, DownstreamClaim: held(), Wanted: true},
			plan{Row: RowDeleting, Obstacle: ReasonNotBound},
		},
		"immediate": {
			"a class that binds at once has no node to bind to",
			World{Claim: claim(), Class: class(immediate)},
			plan{Row: RowImmediate, Obstacle: ReasonImmediate, Event: ReasonImmediate},
		},
		"not-selected":   {"the scheduler has the word", World{Claim: claim(), Class: class()}, plan{Row: RowUnbound}},
		"selected-other": {"another virtual node makes it", World{Claim: claim(selected("west")), Class: class()}, plan{Row: RowUnbound}},
		"with-selector": {
			"what is selected upstream is not downstream",
			World{Claim: ours(claim(func(c *corev1.PersistentVolumeClaim) { c.Spec.Selector = &metav1.LabelSelector{} })), Class: class()},
			plan{Row: RowUnsuitable, Obstacle: ReasonUnsuitable, Event: ReasonUnsuitable},
		},
		"with-data-source": {
			"nor is a snapshot",
			World{Claim: ours(claim(func(c *corev1.PersistentVolumeClaim) { c.Spec.DataSource = &corev1.TypedLocalObjectReference{} })), Class: class()},
			plan{Row: RowUnsuitable, Obstacle: ReasonUnsuitable, Event: ReasonUnsuitable},
		},
		"first-confirms":  {"a cache may not show what there is", World{Claim: ours(claim()), Class: class()}, plan{Row: RowClaim, Confirm: true}},
		"claim-first":     {"the downstream claim comes first", World{Claim: ours(claim()), Class: class(), Live: true}, plan{Row: RowClaim, Claim: "up-shop/data"}},
		"foreign-claim":   {"somebody else's claim is not taken", World{Claim: ours(claim()), Class: class(), DownstreamClaim: alien()}, plan{Row: RowConflict, Obstacle: "DownstreamConflict", Event: "DownstreamConflict"}},
		"earlier-claim":   {"nor is the data of an earlier claim", World{Claim: ours(claim()), Class: class(), DownstreamClaim: held(uid("0"))}, plan{Row: RowPredecessor, Obstacle: ReasonPredecessor, Event: ReasonPredecessor}},
		"volume-confirms": {"the claim may be gone", World{Claim: ours(claim()), Class: class(), DownstreamClaim: held()}, plan{Row: RowProvision, Confirm: true}},
		"volume-second": {
			"the upstream volume follows",
			World{Claim: ours(claim()), Class: class(), DownstreamClaim: held(), Live: true},
			plan{Row: RowProvision, Made: "pvc-1 Retain"},
		},
		"volume-wanted": {
			"a pod that is here already goes on waiting for the binding",
			World{Claim: ours(claim()), Class: class(), DownstreamClaim: held(), Live: true, Wanted: true},
			plan{Row: RowProvision, Made: "pvc-1 Retain", Obstacle: ReasonNotBound},
		},
		"class-deletes": {
			"a class that promises deletion is broken aloud",
			World{Claim: ours(claim()), Class: class(deletes), DownstreamClaim: held(), Live: true},
			plan{Row: RowProvision, Made: "pvc-1 Retain", Event: ReasonRetained},
		},
		"volume-there": {"once is enough", World{Claim: ours(claim()), Class: class(), DownstreamClaim: held(), Volumes: []corev1.PersistentVolume{made()}}, plan{Row: RowUnbound}},
		"ephemeral": {
			"downstream makes the claim of an ephemeral volume by itself, and there is no data to keep",
			World{Claim: ours(claim(ofPod)), Class: class(deletes), DownstreamClaim: alien(), Live: true},
			plan{Row: RowProvision, Made: "pvc-1 Delete"},
		},
		"bound": {"all is well", World{Claim: claim(mine), Class: class(), DownstreamClaim: held(), Volumes: []corev1.PersistentVolume{made()}}, plan{Row: RowMirror}},
		"bound-wanted": {
			"and the pod may come, also if the downstream claim waits for it",
			World{Claim: claim(mine), Class: class(), DownstreamClaim: held(), Volumes: []corev1.PersistentVolume{made()}, Wanted: true},
			plan{Row: RowMirror},
		},
		"bound-ephemeral": {"nothing here is ours", World{Claim: claim(mine, ofPod), Class: class(), Volumes: []corev1.PersistentVolume{made(deleted)}}, plan{Row: RowNothing}},
		"lost-confirms":   {"a cache may be empty", World{Claim: claim(mine), Class: class(), Volumes: []corev1.PersistentVolume{made()}}, plan{Row: RowLost, Confirm: true}},
		"lost": {
			"an empty volume would pass for the lost one",
			World{Claim: claim(mine), Class: class(), Volumes: []corev1.PersistentVolume{made()}, Live: true},
			plan{Row: RowLost, Obstacle: ReasonLost, Event: ReasonLost},
		},
		"bound-foreign": {
			"nor is a stranger's claim taken for it",
			World{Claim: claim(mine), Class: class(), Volumes: []corev1.PersistentVolume{made()}, DownstreamClaim: alien(), Live: true},
			plan{Row: RowConflict, Obstacle: "DownstreamConflict", Event: "DownstreamConflict"},
		},
		"bound-again": {
			"an owner who binds a new claim to the old volume wants the old data",
			World{Claim: claim(mine), Class: class(), DownstreamClaim: held(uid("0")), Volumes: []corev1.PersistentVolume{made()}},
			plan{Row: RowMirror},
		},
		"bound-under-other-name": {
			"which the pod cannot have under another name",
			World{Claim: claim(mine), Class: class(), Volumes: []corev1.PersistentVolume{made(func(v *corev1.PersistentVolume) { v.Spec.CSI.VolumeHandle = "east/up-shop/old" })}},
			plan{Row: RowElsewhere, Obstacle: ReasonElsewhere, Event: ReasonElsewhere},
		},
		"half-bound": {
			"a binding has two directions",
			World{Claim: claim(mine, uid("2")), Class: class(), DownstreamClaim: held(), Volumes: []corev1.PersistentVolume{made()}},
			plan{Row: RowUnbound},
		},
		"expand":       {"a larger claim upstream is one downstream", World{Claim: claim(mine, size("2Gi")), Class: class(), DownstreamClaim: after(held(), isBound), Volumes: []corev1.PersistentVolume{made()}}, plan{Row: RowMirror, Expand: "2Gi"}},
		"expand-later": {"an unbound claim cannot be expanded", World{Claim: claim(mine, size("2Gi")), Class: class(), DownstreamClaim: held(), Volumes: []corev1.PersistentVolume{made()}}, plan{Row: RowMirror}},
		"shrink":       {"a smaller one is not", World{Claim: claim(mine), Class: class(), DownstreamClaim: after(held(size("2Gi")), isBound), Volumes: []corev1.PersistentVolume{made()}}, plan{Row: RowMirror}},
		"grow": {
			"a volume that is larger than asked for says so upstream",
			World{Claim: claim(mine), Class: class(), DownstreamClaim: after(held(), isBound, bigger), Volumes: []corev1.PersistentVolume{made()}},
			plan{Row: RowMirror, Grow: "5Gi"},
		},
		"grow-later": {
			"once there is one",
			World{Claim: claim(mine), Class: class(), DownstreamClaim: after(held(), bigger), Volumes: []corev1.PersistentVolume{made()}},
			plan{Row: RowMirror},
		},
		"gone":          {"nothing is left", World{}, plan{Row: RowNothing}},
		"gone-leftover": {"data stays", World{DownstreamClaim: held()}, plan{Row: RowLeftover, Event: ReasonLeftover}},
		"gone-just-now": {"which is told once, when upstream is through with it", World{DownstreamClaim: held(), Volumes: []corev1.PersistentVolume{made(phase(corev1.VolumeBound))}}, plan{Row: RowLeftover}},
		"gone-foreign":  {"what is not ours is not our news", World{DownstreamClaim: alien()}, plan{Row: RowNothing}},
		"gone-retained": {"a volume that leads to data stays", World{Volumes: []corev1.PersistentVolume{made(phase(corev1.VolumeReleased))}}, plan{Row: RowNothing}},
		"gone-ephemeral": {
			"one that leads to none goes", World{Volumes: []corev1.PersistentVolume{made(phase(corev1.VolumeReleased), deleted)}}, plan{Row: RowForget, Forgets: "pvc-1"},
		},
		"gone-unreleased": {"when the claim is known to be gone", World{Volumes: []corev1.PersistentVolume{made(phase(corev1.VolumeBound), deleted)}}, plan{Row: RowNothing}},
		"gone-others":     {"other volumes are never touched", World{Volumes: []corev1.PersistentVolume{given(phase(corev1.VolumeReleased))}}, plan{Row: RowNothing}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.world.Key = key()
			if diff := cmp.Diff(c.want, summary(Plan(c.world, east()))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestPlanCarried goes through the rows for claims that are bound to volumes of
// other makes, and a pod needs.
func TestPlanCarried(t *testing.T) {
	disk := claim(boundTo("disk"))
	nfs := from(corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nfs.example", Path: "/"}})
	anywhere := func(v *corev1.PersistentVolume) { v.Spec.NodeAffinity = nil }
	named := func(node string) func(*corev1.PersistentVolume) {
		return func(v *corev1.PersistentVolume) {
			v.Annotations = map[string]string{api.DownstreamNodeAnnotation: node}
		}
	}
	strange := copied()
	strange.Labels = nil
	earlier := copied(func(v *corev1.PersistentVolume) { v.UID = "disk-0" })
	taken := copied()
	taken.Spec.ClaimRef.Name = "other"
	released := copied()
	released.Status.Phase = corev1.VolumeReleased
	cases := map[string]struct {
		reason string
		volume corev1.PersistentVolume
		world  World
		want   plan
	}{
		"elsewhere":      {"the volume is on a node upstream", given(on("own-1")), World{}, plan{Row: RowElsewhere, Obstacle: ReasonElsewhere}},
		"unsupported":    {"a disk that only upstream nodes can attach", given(from(corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "disk.example"}})), World{}, plan{Row: RowUnsupported, Obstacle: ReasonUnsupported}},
		"of-other-node":  {"a volume of ours, made by another virtual node", made(on("west")), World{Claim: claim(boundTo("pvc-1"))}, plan{Row: RowElsewhere, Obstacle: ReasonElsewhere}},
		"one-node":       {"there is no choice; control planes do not count", given(), World{Nodes: nodes("metal", "control-1"), Live: true}, plan{Row: RowVolume, Volume: "up-shop/data on metal.example"}},
		"confirms":       {"a cache may not show what there is", given(), World{Nodes: nodes("metal")}, plan{Row: RowVolume, Confirm: true}},
		"two-nodes":      {"which has the directory?", given(), World{Nodes: nodes("a", "b"), Live: true}, plan{Row: RowUnplaced, Obstacle: ReasonUnplaced}},
		"no-node":        {"none yet", given(), World{Live: true}, plan{Row: RowUnplaced, Obstacle: ReasonUnplaced}},
		"named-node":     {"its owner says", given(named("b")), World{Nodes: nodes("a", "b"), Live: true}, plan{Row: RowVolume, Volume: "up-shop/data on b.example"}},
		"named-unknown":  {"and is told if wrong", given(named("c")), World{Nodes: nodes("a"), Live: true}, plan{Row: RowUnplaced, Obstacle: ReasonUnplaced}},
		"host-path":      {"a hostPath is a directory of one node too", given(from(corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}}), anywhere), World{Nodes: nodes("a", "b"), Live: true}, plan{Row: RowUnplaced, Obstacle: ReasonUnplaced}},
		"nfs":            {"NFS is everywhere", given(nfs, anywhere), World{Nodes: nodes("a", "b"), Live: true}, plan{Row: RowVolume, Volume: "up-shop/data"}},
		"claim-confirms": {"the claim follows", given(), World{DownstreamVolume: copied()}, plan{Row: RowVolume, Confirm: true}},
		"claim":          {"the claim follows, though the node cannot be told any more", given(), World{DownstreamVolume: copied(), Live: true, Nodes: nodes("a", "b")}, plan{Row: RowClaim, Claim: "up-shop/data"}},
		"carried":        {"all is well", given(), World{DownstreamVolume: copied(), DownstreamClaim: heldBy("disk")}, plan{Row: RowCarried}},
		"foreign-copy":   {"somebody's volume", given(), World{DownstreamVolume: strange}, plan{Row: RowConflict, Obstacle: "DownstreamConflict"}},
		"earlier-copy":   {"a volume of that name had another directory, maybe", given(), World{DownstreamVolume: earlier}, plan{Row: RowPredecessor, Obstacle: ReasonPredecessor}},
		"taken-copy":     {"the volume was another claim's", given(), World{DownstreamVolume: taken}, plan{Row: RowPredecessor, Obstacle: ReasonPredecessor}},
		"released-copy":  {"somebody deleted the claim downstream", given(), World{DownstreamVolume: released}, plan{Row: RowReleased, Obstacle: ReasonReleased}},
		"foreign-claim":  {"somebody's claim: no copy is made either", given(), World{DownstreamClaim: alien(), Nodes: nodes("metal"), Live: true}, plan{Row: RowConflict, Obstacle: "DownstreamConflict"}},
		"earlier-claim":  {"a claim that holds other data", given(), World{DownstreamClaim: held(), Nodes: nodes("metal"), Live: true}, plan{Row: RowPredecessor, Obstacle: ReasonPredecessor}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := c.world
			w.Key, w.Wanted, w.Volumes = key(), true, []corev1.PersistentVolume{c.volume}
			if w.Claim == nil {
				w.Claim = disk
			}
			if diff := cmp.Diff(c.want, summary(Plan(w, east()))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
			w.Wanted = false
			if got := Plan(w, east()); got.CreateVolume != nil || got.CreateClaim != nil || got.Obstacle != nil || got.Confirm {
				t.Errorf("without a pod that needs it: %+v", summary(got))
			}
		})
	}
}
