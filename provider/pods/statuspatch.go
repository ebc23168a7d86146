package pods

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/spillway-io/spillway/api"
)

// statusPatch returns the strategic merge patch of pods/status that gives the
// upstream pod the status and the annotation. It holds only what differs, so
// conditions and annotations of others survive, and the pod's UID, so that
// another pod of the same name is never written. A status that ends the pod also
// carries the version that it was made for: its end may have become known meanwhile,
// to a process that leads or has led beside this one.
func statusPatch(upstream *corev1.Pod, status *corev1.PodStatus, downstreamNode string, ends bool) ([]byte, error) {
	before := corev1.Pod{Status: upstream.Status}
	after := corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: upstream.UID}, Status: *status}
	if ends {
		after.ResourceVersion = upstream.ResourceVersion
	}
	if downstreamNode != "" && upstream.Annotations[api.DownstreamNodeAnnotation] != downstreamNode {
		after.Annotations = map[string]string{api.DownstreamNodeAnnotation: downstreamNode}
	}
	old, err := json.Marshal(before)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the upstream pod's status: %w", err)
	}
	wanted, err := json.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the upstream pod's new status: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(old, wanted, corev1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("cannot compute the patch of the upstream pod's status: %w", err)
	}
	return patch, nil
}
