package translate

import (
	"iter"
	"reflect"

	corev1 "k8s.io/api/core/v1"
)

// changedResources compares only what upstream names: downstream admission may have
// added defaults. An API server lets nobody take away a request or a limit.
func changedResources(upstream, downstream *corev1.PodSpec) *ChangedResources {
	changed := ChangedResources{
		InitContainers: changedOf(upstream.InitContainers, downstream.InitContainers),
		Containers:     changedOf(upstream.Containers, downstream.Containers),
	}
	if upstream.Resources != nil {
		have := corev1.ResourceRequirements{}
		if downstream.Resources != nil {
			have = *downstream.Resources
		}
		if news, differ := newResources(*upstream.Resources, have); differ {
			changed.Resources = &news
		}
	}
	if reflect.ValueOf(changed).IsZero() {
		return nil
	}
	return &changed
}

func changedOf(upstream, downstream []corev1.Container) []ContainerResources {
	var changed []ContainerResources
	for want, have := range pairs(upstream, downstream) {
		if news, differ := newResources(want.Resources, have.Resources); differ {
			changed = append(changed, ContainerResources{Name: want.Name, Resources: news})
		}
	}
	return changed
}

func newResources(want, have corev1.ResourceRequirements) (news corev1.ResourceRequirements, differ bool) {
	news = corev1.ResourceRequirements{
		Requests: newQuantities(want.Requests, have.Requests),
		Limits:   newQuantities(want.Limits, have.Limits),
	}
	return news, news.Requests != nil || news.Limits != nil
}

func newQuantities(want, have corev1.ResourceList) corev1.ResourceList {
	var news corev1.ResourceList
	for name, quantity := range want {
		if had, ok := have[name]; ok && had.Cmp(quantity) == 0 {
			continue
		}
		if news == nil {
			news = make(corev1.ResourceList, len(want))
		}
		news[name] = quantity
	}
	return news
}

// pairs are the containers of the same name, in the order of the downstream pod,
// which may have more.
func pairs(upstream, downstream []corev1.Container) iter.Seq2[*corev1.Container, *corev1.Container] {
	return func(yield func(*corev1.Container, *corev1.Container) bool) {
		for i := range downstream {
			for j := range upstream {
				if upstream[j].Name == downstream[i].Name && !yield(&upstream[j], &downstream[i]) {
					return
				}
			}
		}
	}
}
