package offline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/openkruise/kruise-api/apps/pub"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/openkruise/kruise-api/apps/v1beta1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// cloneSet makes pods that have a name already when they are admitted, made of
// an instance id that is drawn at random.
func cloneSet(set *v1alpha1.CloneSet) recipe {
	return recipe{
		controller:   controlledBy(v1alpha1.GroupVersion.WithKind("CloneSet"), &set.ObjectMeta),
		generateName: set.Name + "-",
		claims:       set.Spec.VolumeClaimTemplates,
		finish: func(pod *corev1.Pod, i int) {
			id := fmt.Sprintf("%05d", i+1)
			pod.Name = set.Name + "-" + id
			setLabel(pod, v1alpha1.CloneSetInstanceID, id)
			setLabel(pod, appsv1.ControllerRevisionHashLabelKey, set.Name+"-"+templateHash(&set.Spec.Template))
			pod.Spec.Volumes = claimedVolumes(set.Spec.VolumeClaimTemplates, pod)
			allowInPlaceUpdate(pod)
		},
	}
}

// advancedStatefulSet makes pods the way of a StatefulSet, but for the ordinals
// it leaves out.
func advancedStatefulSet(set *v1beta1.StatefulSet) recipe {
	start := 0
	if set.Spec.Ordinals != nil {
		start = int(set.Spec.Ordinals.Start)
	}
	plain := appsv1.StatefulSet{ObjectMeta: set.ObjectMeta, Spec: appsv1.StatefulSetSpec{
		Template: set.Spec.Template, VolumeClaimTemplates: set.Spec.VolumeClaimTemplates, ServiceName: set.Spec.ServiceName,
	}}
	r := recipe{
		controller:   controlledBy(v1beta1.GroupVersion.WithKind("StatefulSet"), &set.ObjectMeta),
		generateName: set.Name + "-",
		claims:       set.Spec.VolumeClaimTemplates,
	}
	r.finish = func(pod *corev1.Pod, i int) {
		number(pod, &plain, ordinalAt(i, start, set.Spec.ReserveOrdinals))
		allowInPlaceUpdate(pod)
	}
	return r
}

// ordinalAt returns the i-th ordinal, from 0, that is not reserved.
func ordinalAt(i, start int, reserved []intstr.IntOrString) int {
	for ordinal := start; ; {
		next := afterReserved(ordinal, reserved)
		switch {
		case next > ordinal:
			ordinal = next
		case i == 0:
			return ordinal
		default:
			ordinal, i = ordinal+1, i-1
		}
	}
}

// afterReserved returns the ordinal after the number, or the range such as "3-5",
// that an ordinal is reserved by; the ordinal itself if it is not reserved.
func afterReserved(ordinal int, reserved []intstr.IntOrString) int {
	for _, r := range reserved {
		first, last, isRange := strings.Cut(r.String(), "-")
		if !isRange {
			last = first
		}
		from, fromErr := strconv.Atoi(first)
		to, toErr := strconv.Atoi(last)
		if fromErr == nil && toErr == nil && from <= ordinal && ordinal <= to {
			return to + 1
		}
	}
	return ordinal
}

// allowInPlaceUpdate adds the readiness gate by which Kruise takes a pod out of
// service while it changes its images.
func allowInPlaceUpdate(pod *corev1.Pod) {
	if !slices.ContainsFunc(pod.Spec.ReadinessGates, func(g corev1.PodReadinessGate) bool { return g.ConditionType == pub.InPlaceUpdateReady }) {
		pod.Spec.ReadinessGates = append(pod.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: pub.InPlaceUpdateReady})
	}
}
