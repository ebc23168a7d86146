package offline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// alike is a pod without what two creations of the same pod differ in anyhow.
func alike(pod *unstructured.Unstructured) map[string]any {
	content := pod.DeepCopy().Object
	metadata := objectIn(content, "metadata")
	for _, field := range []string{"uid", "creationTimestamp", "managedFields", "resourceVersion", "generation"} {
		delete(metadata, field)
	}
	if pod.GetGenerateName() != "" {
		delete(metadata, "name")
	}
	if annotations := objectIn(metadata, "annotations"); len(annotations) > 0 {
		metadata["annotations"] = annotationsAlike(annotations)
	}
	spec := objectIn(content, "spec")
	for _, list := range []string{"containers", "initContainers"} {
		for _, container := range listIn(spec, list) {
			sortBy(listIn(container.(map[string]any), "volumeMounts"))
		}
	}
	// Which come first of those of the API server and those of sidecars.
	sortBy(listIn(spec, "volumes"))
	sortBy(listIn(spec, "tolerations"))
	return withoutRandom(content).(map[string]any)
}

func annotationsAlike(annotations map[string]any) map[string]any {
	value := func(key string) string { v, _ := annotations[key].(string); return v }
	if marker := value(api.StashMarkerAnnotation); marker == stash.Marker(value(api.StashAnnotation)) {
		annotations[api.StashMarkerAnnotation] = "that of the stash"
		annotations[api.StashAnnotation] = withoutDefaults(value(api.StashAnnotation))
	}
	if match := decoded(value(api.MatchedWorkloadSpreadAnnotation)); match != nil {
		if match["uid"] != nil {
			match["uid"] = "that of the request"
		}
		annotations[api.MatchedWorkloadSpreadAnnotation] = match
	}
	for _, key := range []string{api.SidecarSetHashAnnotation, api.SidecarSetHashWithoutImageAnnotation} {
		if records := decoded(value(key)); records != nil {
			for _, record := range records {
				if r, ok := record.(map[string]any); ok && r["updateTimestamp"] != nil {
					r["updateTimestamp"] = "the time of injection"
				}
			}
			annotations[key] = records
		}
	}
	return annotations
}

// withoutDefaults is a stash without the tolerations that an API server's plugin
// DefaultTolerationSeconds adds before it asks webhooks. The command adds no
// defaults, and says so; downstream, the same plugin adds them again.
func withoutDefaults(value string) any {
	content := decoded(value)
	if content == nil {
		return value
	}
	rest := slices.DeleteFunc(listIn(content, "tolerations"), ofLoss)
	if content["tolerations"] = rest; len(rest) == 0 {
		delete(content, "tolerations")
	}
	return content
}

// ofLoss says that a toleration is one of the plugin's.
func ofLoss(value any) bool {
	toleration, _ := value.(map[string]any)
	key, _ := toleration["key"].(string)
	return (key == "node.kubernetes.io/not-ready" || key == "node.kubernetes.io/unreachable") &&
		toleration["operator"] == "Exists" && toleration["effect"] == "NoExecute" && fmt.Sprint(toleration["tolerationSeconds"]) == "300"
}

func withoutLossTolerations(pod map[string]any) map[string]any {
	spec := objectIn(pod, "spec")
	spec["tolerations"] = slices.DeleteFunc(listIn(spec, "tolerations"), ofLoss)
	return pod
}

// withoutRandom gives the volume with the ServiceAccount's token, whose name an API
// server draws, one name.
func withoutRandom(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			v[key] = withoutRandom(member)
		}
	case []any:
		for i, member := range v {
			v[i] = withoutRandom(member)
		}
	case string:
		if strings.HasPrefix(v, "kube-api-access-") && len(v) == len("kube-api-access-12345") {
			return "kube-api-access"
		}
	}
	return value
}

func sortBy(list []any) {
	text := func(v any) string { encoded, _ := json.Marshal(withoutRandom(v)); return string(encoded) }
	slices.SortStableFunc(list, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
}

func decoded(value string) map[string]any {
	var content map[string]any
	if json.Unmarshal([]byte(value), &content) != nil {
		return nil
	}
	return content
}

func objectOf(value any) map[string]any {
	object, _ := value.(map[string]any)
	return object
}

func objectIn(content map[string]any, key string) map[string]any {
	object, _ := content[key].(map[string]any)
	return object
}

func listIn(content map[string]any, key string) []any {
	list, _ := content[key].([]any)
	return list
}
