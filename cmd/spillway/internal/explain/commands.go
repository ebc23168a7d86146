package explain

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/api"
)

// root is the workload whose template people write: the uppermost owner.
func (w world) root() (*unstructured.Unstructured, bool) {
	if len(w.Owners) == 0 {
		return nil, false
	}
	root := &w.Owners[len(w.Owners)-1]
	_, known := kindOf(root.GroupVersionKind().GroupKind())
	return root, known
}

// restart replaces the pods of a workload by new ones.
func (w world) restart(root *unstructured.Unstructured) string {
	kind, _ := kindOf(root.GroupVersionKind().GroupKind())
	switch kind.Kind {
	case "Deployment", "StatefulSet", "DaemonSet":
		if kind.Short != "asts" {
			return fmt.Sprintf("kubectl -n %s rollout restart %s %s", w.namespace.Name, kind.cli(), root.GetName())
		}
	case "CronJob":
		return fmt.Sprintf("nothing: the next run of CronJob %s creates new pods", root.GetName())
	}
	return fmt.Sprintf("delete the pods of %s %s, and have it create new ones", kind.Kind, root.GetName())
}

func (w world) restartToo() string {
	root, known := w.root()
	if !known {
		return ", and create the pod again"
	}
	return "; then " + w.restart(root)
}

// relabel opts the pods of the workload in, and removes a label that was written by
// mistake.
func (w world) relabel(pod *corev1.Pod, drop string) []string {
	root, known := w.root()
	if !known {
		if len(pod.OwnerReferences) > 0 {
			return []string{fmt.Sprintf("put the label %s: %q into the pod template of %s %s", api.OptInLabel, api.OptedIn, pod.OwnerReferences[0].Kind, pod.OwnerReferences[0].Name)}
		}
		return []string{fmt.Sprintf("delete the pod, and create it with the label %s: %q; labels that come later have no effect", api.OptInLabel, api.OptedIn)}
	}
	kind, _ := kindOf(root.GroupVersionKind().GroupKind())
	if kind.Kind == "Job" {
		return []string{fmt.Sprintf("delete the Job, and create it with the label %s: %q in spec.template.metadata.labels; a Job's template cannot be changed", api.OptInLabel, api.OptedIn)}
	}
	labels := map[string]any{api.OptInLabel: api.OptedIn}
	if drop != "" {
		labels[drop] = nil
	}
	command := fmt.Sprintf("kubectl -n %s patch %s %s --type=merge -p '%s'", w.namespace.Name, kind.cli(), root.GetName(),
		nested(append(kind.template, "metadata", "labels"), labels))
	if kind.Kind == "ReplicaSet" {
		return []string{command, w.restart(root)}
	}
	return []string{command}
}

// nested is a value at a path, as JSON.
func nested(path []string, value any) string {
	for _, field := range slices.Backward(path) {
		value = map[string]any{field: value}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "" // strings and nil can always be written
	}
	return string(text)
}
