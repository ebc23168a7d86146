package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is a kind of object that can be explained. That they are known spares the
// API server to be asked what it serves.
type Kind struct {
	schema.GroupVersionKind
	// Resource is its plural, and Short what kubectl calls it for short.
	Resource, Short string
	// template is where its pod template is.
	template []string
}

// Kinds are all there are.
func Kinds() []Kind {
	template := []string{"spec", "template"}
	return []Kind{
		{corev1.SchemeGroupVersion.WithKind("Pod"), "pods", "po", nil},
		{appsv1.SchemeGroupVersion.WithKind("Deployment"), "deployments", "deploy", template},
		{appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), "replicasets", "rs", template},
		{appsv1.SchemeGroupVersion.WithKind("StatefulSet"), "statefulsets", "sts", template},
		{appsv1.SchemeGroupVersion.WithKind("DaemonSet"), "daemonsets", "ds", template},
		{batchv1.SchemeGroupVersion.WithKind("Job"), "jobs", "job", template},
		{batchv1.SchemeGroupVersion.WithKind("CronJob"), "cronjobs", "cj", []string{"spec", "jobTemplate", "spec", "template"}},
		{v1alpha1.SchemeGroupVersion.WithKind("CloneSet"), "clonesets", "clone", template},
		{v1alpha1.SchemeGroupVersion.WithKind("StatefulSet"), "statefulsets", "asts", template},
	}
}

// resource is what a client asks for.
func (k Kind) resource() schema.GroupVersionResource {
	return k.GroupVersion().WithResource(k.Resource)
}

// cli is what kubectl calls it, singular and in lower case; of two kinds with one
// name, the second with its group.
func (k Kind) cli() string {
	if k.Kind == "StatefulSet" && k.Group == v1alpha1.GroupVersion.Group {
		return "statefulset.apps.kruise.io"
	}
	return strings.ToLower(k.Kind)
}

// kindOf finds the kind of an owner.
func kindOf(kind schema.GroupKind) (Kind, bool) {
	kinds := Kinds()
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.GroupKind() == kind })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// Parse reads what kubectl reads as well: TYPE NAME, or TYPE/NAME.
func Parse(args []string) (Kind, string, error) {
	word, name := "", ""
	switch len(args) {
	case 1:
		word, name, _ = strings.Cut(args[0], "/")
	case 2:
		word, name = args[0], args[1]
	}
	if word == "" || name == "" || strings.Contains(name, "/") {
		return Kind{}, "", fmt.Errorf("give TYPE NAME or TYPE/NAME, such as %q or %q", "pod web-1", "deployment/web")
	}
	var known []string
	for _, k := range Kinds() {
		bare, _, _ := strings.Cut(strings.ToLower(word), ".")
		if bare == k.Short || bare == k.Resource && k.sameGroup(word) || strings.EqualFold(bare, k.Kind) && k.sameGroup(word) {
			return k, name, nil
		}
		known = append(known, k.Short)
	}
	return Kind{}, "", fmt.Errorf("%q is no type that can be explained: %s, by these or their full names", word, strings.Join(known, ", "))
}

// sameGroup says whether a type that is written with a group means this one's. A
// version between them does not matter.
func (k Kind) sameGroup(word string) bool {
	_, group, written := strings.Cut(word, ".")
	return !written || group == k.Group || strings.HasSuffix(group, "."+k.Group)
}
