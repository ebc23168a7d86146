package translate

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// systemClass begins the names of the PriorityClasses that every cluster has for
// its own components.
const systemClass = "system-"

// priority keeps a PriorityClass that downstream has. One of the system's is not
// kept: it would let a pod displace what the downstream cluster runs on.
func priority(spec *corev1.PodSpec, facts Facts) []Note {
	class := spec.PriorityClassName
	system := strings.HasPrefix(class, systemClass)
	if class == "" || (facts.PriorityClass && !system) {
		return nil
	}
	spec.PriorityClassName = ""
	message := fmt.Sprintf("PriorityClass %q does not exist in the downstream cluster: the pod has its default priority there", class)
	if system {
		message = fmt.Sprintf("PriorityClass %q is for components of the downstream cluster itself: the pod has its default priority there", class)
	}
	return []Note{{Reason: NotePriorityClassMissing, Message: message}}
}

// scheduling maps what names classes, schedulers and namespaces. The namespaces are
// in constraints that were recovered.
func scheduling(spec *corev1.PodSpec, rules Rules) []Note {
	spec.SchedulerName = rules.SchedulerNames[spec.SchedulerName]
	if name := spec.RuntimeClassName; name != nil {
		if class, mapped := rules.RuntimeClasses[*name]; mapped {
			spec.RuntimeClassName = named(class)
		}
	}
	labelled := false
	for _, term := range podAffinityTerms(spec.Affinity) {
		for i := range term.Namespaces {
			term.Namespaces[i] = rules.Namespaces.Downstream(term.Namespaces[i])
		}
		labelled = labelled || selects(term.NamespaceSelector)
	}
	if labelled {
		return []Note{{
			Reason:  NoteNamespaceSelector,
			Message: "Pod affinity selects namespaces by their labels, which are those of the downstream cluster's namespaces there",
		}}
	}
	return nil
}

// named is the class of that name, nil for the cluster's default.
func named(class string) *string {
	if class == "" {
		return nil
	}
	return &class
}

// selects says whether a selector depends on labels: the empty one is for all.
func selects(s *metav1.LabelSelector) bool {
	return s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0
}

func podAffinityTerms(affinity *corev1.Affinity) []*corev1.PodAffinityTerm {
	if affinity == nil {
		return nil
	}
	var all []*corev1.PodAffinityTerm
	collect := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		for i := range required {
			all = append(all, &required[i])
		}
		for i := range preferred {
			all = append(all, &preferred[i].PodAffinityTerm)
		}
	}
	if a := affinity.PodAffinity; a != nil {
		collect(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a := affinity.PodAntiAffinity; a != nil {
		collect(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return all
}

// ephemeralClaims maps the StorageClasses, and the namespaces that are named, of
// the claims that downstream makes for generic ephemeral volumes.
func ephemeralClaims(spec *corev1.PodSpec, rules Rules) {
	for i := range spec.Volumes {
		e := spec.Volumes[i].Ephemeral
		if e == nil || e.VolumeClaimTemplate == nil {
			continue
		}
		claim := &e.VolumeClaimTemplate.Spec
		if name := claim.StorageClassName; name != nil {
			if class, mapped := rules.StorageClasses[*name]; mapped {
				claim.StorageClassName = named(class)
			}
		}
		if from := claim.DataSourceRef; from != nil && text(from.Namespace) != "" {
			from.Namespace = new(rules.Namespaces.Downstream(*from.Namespace))
		}
	}
}
