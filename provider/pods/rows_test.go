package pods

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// rowsOfNewPods are those of pods that are not created yet, in the table's order.
func rowsOfNewPods() map[string]planCase {
	lacking := []Obstacle{
		{Reason: "SecretMissing", Message: "there is no Secret a", Again: time.Minute},
		{Reason: "ClaimPending", Message: "claim b is not bound"},
		{Reason: "SecretMissing", Message: "there is no Secret c", Again: 20 * time.Second},
	}
	blocked := World{Upstream: upstream(), UpstreamLive: true, Prepared: true, Obstacles: lacking}
	return map[string]planCase{
		"conflict": {
			reason: "a foreign pod of that name is left alone, and upstream says so",
			world:  World{Upstream: upstream(), Downstream: foreign()},
			want:   plan{Row: RowConflict, Phase: corev1.PodPending, Reason: ReasonConflict, Warning: ReasonConflict, Again: conflictRetry},
		},
		"conflict-with-another-virtual-node": {
			reason: "one of another virtual node is foreign too",
			world:  World{Upstream: upstream(), Downstream: twin(func(p *corev1.Pod) { p.Labels[api.VirtualNodeLabel] = "west" })},
			want:   plan{Row: RowConflict, Phase: corev1.PodPending, Reason: ReasonConflict, Warning: ReasonConflict, Again: conflictRetry},
		},
		"conflict-told": {
			reason: "it says so once, and looks again",
			world:  World{Upstream: told(World{Upstream: upstream(), Downstream: foreign()}), Downstream: foreign()},
			want:   plan{Row: RowConflict, Again: conflictRetry},
		},
		"refused-daemonset": {
			reason: "a DaemonSet's pod is not run; failing it would have it replaced for ever",
			world:  World{Upstream: upstream(ownedBy("DaemonSet"))},
			want:   plan{Row: RowRefused, Phase: corev1.PodPending, Reason: ReasonDaemonSet, Warning: ReasonDaemonSet},
		},
		"refused-told": {
			reason: "said once",
			world:  World{Upstream: told(World{Upstream: upstream(ownedBy("DaemonSet"))})},
			want:   plan{Row: RowRefused},
		},
		"refused-mirror-pod": {
			reason: "a static pod belongs to its kubelet",
			world:  World{Upstream: upstream(annotated(corev1.MirrorPodAnnotationKey, "x"))},
			want:   plan{Row: RowRefused, Phase: corev1.PodPending, Reason: ReasonMirror, Warning: ReasonMirror},
		},
		"refused-stash": {
			reason: "without its constraints a pod is not run",
			world:  World{Upstream: upstream(annotated(api.StashAnnotation, "{"))},
			want:   plan{Row: RowRefused, Phase: corev1.PodPending, Reason: ReasonStash, Warning: ReasonStash},
		},
		"unroutable": {
			reason: "a pod that somebody bound here against its own requirements fails, as on a kubelet",
			world:  World{Upstream: upstream(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"clusterID": "west"} })},
			want:   plan{Row: RowUnroutable, Phase: corev1.PodFailed, Reason: ReasonNodeAffinity, Warning: ReasonNodeAffinity},
		},
		"mirror-too-large-unconfirmed": {
			reason: "the upstream cache may not show yet that it was told",
			world:  World{Upstream: upstream(), Downstream: twin(), TooLarge: "is too large"},
			want:   plan{Row: RowMirror, Confirm: Upstream},
		},
		"mirror-too-large": {
			reason: "then it is told",
			world:  World{Upstream: upstream(), Downstream: twin(), TooLarge: "is too large", UpstreamLive: true},
			want:   plan{Row: RowMirror, Phase: corev1.PodPending, Warning: api.LargerThanAnyNodeReason},
		},
		"terminating-too-large": {
			reason: "and not any more when the pod is to go",
			world:  World{Upstream: upstream(deleting(5)), Downstream: twin(), TooLarge: "is too large"},
			want:   plan{Row: RowTerminating, Phase: corev1.PodPending, Delete: "down", Grace: 5},
		},
		"refused-access": {
			reason: "a pod that asks for an API which it may not have says so",
			world:  World{Upstream: upstream(annotated(api.APIAccessAnnotation, "upstream")), UpstreamLive: true},
			want:   plan{Row: RowRefused, Phase: corev1.PodPending, Reason: ReasonAccess, Warning: ReasonAccess},
		},
		"create-unconfirmed": {
			reason: "the upstream cache may not show yet that the pod has run before",
			world:  World{Upstream: upstream()},
			want:   plan{Row: RowCreate, Confirm: Upstream},
		},
		"create-unprepared": {
			reason: "nothing is created for a pod that may have run already, so preparing comes after confirming",
			world:  World{Upstream: upstream(), UpstreamLive: true},
			want:   plan{Row: RowCreate, Prepare: true},
		},
		"blocked": {
			reason: "all obstacles are told, and looked at again as soon as one wants that",
			world:  blocked,
			want: plan{
				Row: RowBlocked, Phase: corev1.PodPending, Reason: "SecretMissing", Warning: "SecretMissing", Again: 20 * time.Second,
				Message: "there is no Secret a; claim b is not bound; there is no Secret c",
			},
		},
		"blocked-told": {
			reason: "once",
			world:  World{Upstream: told(blocked), UpstreamLive: true, Prepared: true, Obstacles: lacking},
			want:   plan{Row: RowBlocked, Again: 20 * time.Second},
		},
		"blocked-by-less": {
			reason: "and again when that changes; what reports its end needs no look",
			world:  World{Upstream: told(blocked), UpstreamLive: true, Prepared: true, Obstacles: lacking[1:2]},
			want: plan{
				Row: RowBlocked, Phase: corev1.PodPending, Reason: "ClaimPending", Warning: "ClaimPending", Message: "claim b is not bound",
			},
		},
		"blocked-before": {
			reason: "what stood in the way is forgotten with the first status of the downstream pod",
			world:  World{Upstream: told(blocked), Downstream: twin()},
			want:   plan{Row: RowMirror, Phase: corev1.PodPending},
		},
		"create": {
			reason: "a pod of a ReplicaSet runs",
			world:  World{Upstream: upstream(ownedBy("ReplicaSet")), UpstreamLive: true, Prepared: true},
			want:   plan{Row: RowCreate, Create: true},
		},
		"create-with-notes": {
			reason: "and its owner is told what was found out",
			world: World{
				Upstream: upstream(ofClass("high")), UpstreamLive: true, Prepared: true,
				Notes: []translate.Note{{Reason: "FoundOut", Message: "while preparing"}},
			},
			want: plan{Row: RowCreate, Create: true, Notes: []string{"PriorityClassMissing", "FoundOut"}},
		},
		"create-with-better-note": {
			reason: "who found out more about a thing is heard instead",
			world: World{
				Upstream: upstream(ofClass("high")), UpstreamLive: true, Prepared: true,
				Notes: []translate.Note{{Reason: "PriorityClassMissing", Message: "it may not be known"}},
			},
			want: plan{Row: RowCreate, Create: true, Notes: []string{"PriorityClassMissing"}},
		},
		"create-with-class": {
			reason: "a PriorityClass that exists downstream needs no note",
			world:  World{Upstream: upstream(ofClass("high")), UpstreamLive: true, Prepared: true, Facts: translate.Facts{PriorityClass: true}},
			want:   plan{Row: RowCreate, Create: true},
		},
	}
}
