package storage

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/translate"
)

// carry copies a volume that means the same downstream, and binds a claim to the
// copy.
func (w World) carry(bound *corev1.PersistentVolume, rules translate.Rules) Action {
	if !isDirectory(bound) && bound.Spec.NFS == nil {
		return w.wait(RowUnsupported, ReasonUnsupported, fmt.Sprintf("Volume %q of claim %q is of type %s, which the downstream cluster cannot use; local, hostPath and nfs volumes can be, "+
			"and those of a StorageClass with provisioner %s", bound.Name, w.Key.Name, typeOf(bound), api.Provisioner))
	}
	if action, stop := w.inTheWay(bound, rules); stop {
		return action
	}
	volume, claim := w.DownstreamVolume, w.DownstreamClaim
	if volume != nil && claim != nil {
		return Action{Row: RowCarried}
	}
	if !w.Live {
		return Action{Row: RowVolume, Confirm: true}
	}
	if volume != nil {
		return Action{Row: RowClaim, CreateClaim: downstreamClaim(w.Claim, nil, volume.Name, rules)}
	}
	host, why := w.host(bound)
	if why != "" {
		return w.wait(RowUnplaced, ReasonUnplaced, why)
	}
	return Action{Row: RowVolume, CreateVolume: carried(bound, below(w.Key, rules), host, rules)}
}

// inTheWay says which of the downstream objects cannot be used, if any.
func (w World) inTheWay(bound *corev1.PersistentVolume, rules translate.Rules) (Action, bool) {
	if volume := w.DownstreamVolume; volume != nil {
		switch reference := volume.Spec.ClaimRef; {
		case !rules.Owns(volume):
			return w.wait(RowConflict, pods.ReasonConflict, describeForeign("volume", volume, rules)), true
		case !rules.StandsFor(volume, bound):
			return w.wait(RowPredecessor, ReasonPredecessor, fmt.Sprintf("Downstream volume %s stands for an earlier volume %q. Delete it in the downstream cluster, which deletes no data", name(volume), bound.Name)), true
		case reference == nil || (types.NamespacedName{Namespace: reference.Namespace, Name: reference.Name}) != below(w.Key, rules):
			return w.wait(RowPredecessor, ReasonPredecessor, fmt.Sprintf("Downstream volume %s is for another claim. Delete both in the downstream cluster, which deletes no data", name(volume))), true
		case volume.Status.Phase == corev1.VolumeReleased, volume.Status.Phase == corev1.VolumeFailed:
			return w.wait(RowReleased, ReasonReleased, fmt.Sprintf("Downstream volume %s has lost its claim. Delete it in the downstream cluster, which deletes no data: it is made again", name(volume))), true
		}
	}
	if claim := w.DownstreamClaim; claim != nil {
		switch {
		case !rules.Owns(claim):
			return w.wait(RowConflict, pods.ReasonConflict, describeForeign("claim", claim, rules)), true
		case claim.Spec.VolumeName != copyName(bound.Name, rules):
			return w.wait(RowPredecessor, ReasonPredecessor, fmt.Sprintf("Downstream claim %s still holds the data of an earlier claim of this name, in volume %q. Delete it in the downstream cluster, or use another name", name(claim), claim.Spec.VolumeName)), true
		}
	}
	return Action{}, false
}

// host is the kubernetes.io/hostname of the downstream node that has the volume's
// directory; empty for volumes that are everywhere. It is never guessed: on
// another node the pod would find another directory, and nobody would notice.
func (w World) host(bound *corev1.PersistentVolume) (host, why string) {
	if !isDirectory(bound) {
		return "", ""
	}
	named := bound.Annotations[api.DownstreamNodeAnnotation]
	var candidates []string
	for i := range w.Nodes {
		node := &w.Nodes[i]
		if node.Name == named {
			return hostname(node), ""
		}
		if mayHold(node) {
			candidates = append(candidates, hostname(node))
		}
	}
	switch {
	case named != "":
		return "", fmt.Sprintf("Volume %q is on downstream node %q by its annotation %s, but there is no such node", bound.Name, named, api.DownstreamNodeAnnotation)
	case len(candidates) == 1:
		return candidates[0], ""
	default:
		return "", fmt.Sprintf("Volume %q is a directory of one node, and the downstream cluster has %d. Name the one: kubectl annotate pv %s %s=<downstream node>",
			bound.Name, len(candidates), bound.Name, api.DownstreamNodeAnnotation)
	}
}

// mayHold counts nodes that could run a pod some day, also those that cannot just
// now: the directory may be on one that is down.
func mayHold(node *corev1.Node) bool {
	return node.Labels[api.NodeTypeLabel] != api.NodeTypeVirtual &&
		!slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return strings.HasPrefix(t.Key, "node-role.kubernetes.io/") })
}

func hostname(node *corev1.Node) string {
	if host := node.Labels[corev1.LabelHostname]; host != "" {
		return host
	}
	return node.Name
}

// isDirectory says that a volume is a directory, or a device, of one node.
func isDirectory(volume *corev1.PersistentVolume) bool {
	return volume.Spec.Local != nil || volume.Spec.HostPath != nil
}

// typeOf is the name of a volume's type, as in YAML.
func typeOf(volume *corev1.PersistentVolume) string {
	if csi := volume.Spec.CSI; csi != nil {
		return "csi with driver " + csi.Driver
	}
	source := reflect.ValueOf(volume.Spec.PersistentVolumeSource)
	for field := range source.Type().Fields() {
		if !source.FieldByIndex(field.Index).IsNil() {
			kind, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			return kind
		}
	}
	return "unknown"
}
