package spread

import (
	"strconv"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// IsOrdinal says whether the pods of a target are numbered, so that the number
// alone decides and nothing is counted: StatefulSets, and indexed Jobs.
func IsOrdinal(ws *v1alpha1.WorkloadSpread, target Target) bool {
	kind := TargetKind(ws)
	return isStatefulSet(kind) || isJob(kind) && target.Indexed
}

// positionOf returns the pod's place among the numbered pods of its workload,
// from 0: ordinals begin where the workload says, and those it leaves out do not
// count. A pod without a number is the first, as in Kruise.
func positionOf(pod *corev1.Pod, target Target) int {
	ordinal, ok := ordinalOf(pod, target)
	if !ok {
		return 0
	}
	position := ordinal - target.FirstOrdinal
	for _, reserved := range target.ReservedOrdinals {
		if reserved >= target.FirstOrdinal && reserved < ordinal {
			position--
		}
	}
	return max(0, position)
}

func ordinalOf(pod *corev1.Pod, target Target) (ordinal int, ok bool) {
	text := pod.Annotations[batchv1.JobCompletionIndexAnnotation]
	if !target.Indexed {
		text = pod.Labels[appsv1.PodIndexLabel]
		if text == "" {
			text = pod.Name[strings.LastIndex(pod.Name, "-")+1:]
		}
	}
	ordinal, err := strconv.Atoi(text)
	return ordinal, err == nil
}
