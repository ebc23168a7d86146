package mutate

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// changedFields names the scheduling fields in which before and after differ.
func changedFields(before, after corev1.PodSpec) []string {
	var names []string
	for _, f := range []struct {
		name          string
		before, after any
	}{
		{"spec.nodeSelector", before.NodeSelector, after.NodeSelector},
		{"spec.affinity", before.Affinity, after.Affinity},
		{"spec.topologySpreadConstraints", before.TopologySpreadConstraints, after.TopologySpreadConstraints},
	} {
		if !equality.Semantic.DeepEqual(f.before, f.after) {
			names = append(names, f.name)
		}
	}
	return names
}
