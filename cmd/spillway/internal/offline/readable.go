package offline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// readable is a pod with what was written for machines in short: JSON in annotations,
// and containers that it did not have before.
func readable(pod, before map[string]any) map[string]any {
	shown := maps.Clone(pod)
	metadata := maps.Clone(objectAt(pod, "metadata"))
	if annotations := objectAt(pod, "metadata", "annotations"); len(annotations) > 0 {
		metadata["annotations"] = readableAnnotations(annotations)
	}
	shown["metadata"] = metadata
	spec, hasSpec := pod["spec"].(map[string]any)
	if !hasSpec {
		return shown
	}
	sets := sidecarsOf(pod)
	spec = maps.Clone(spec)
	for _, field := range []string{"initContainers", "containers"} {
		if list, ok := spec[field].([]any); ok {
			spec[field] = shortened(list, namesIn(before, field), sets)
		}
	}
	shown["spec"] = spec
	return shown
}

func readableAnnotations(annotations map[string]any) map[string]any {
	shown := maps.Clone(annotations)
	of := func(key string) string { value, _ := annotations[key].(string); return value }
	if value := of(api.StashAnnotation); value != "" {
		shown[api.StashAnnotation] = asObject(value)
		if of(api.StashMarkerAnnotation) == stash.Marker(value) {
			shown[api.StashAnnotation] = fmt.Sprintf("(saved: %s; %d bytes)", fieldsIn(value), len(value))
			shown[api.StashMarkerAnnotation] = "(says that it is as it was saved)"
		}
	}
	if value := of(api.MatchedWorkloadSpreadAnnotation); value != "" {
		match := asObject(value)
		if object, ok := match.(map[string]any); ok {
			delete(object, "uid")
		}
		shown[api.MatchedWorkloadSpreadAnnotation] = match
	}
	for _, key := range []string{api.SidecarSetHashAnnotation, api.SidecarSetHashWithoutImageAnnotation} {
		var record map[string]json.RawMessage
		if json.Unmarshal([]byte(of(key)), &record) == nil {
			shown[key] = "(record of " + strings.Join(slices.Sorted(maps.Keys(record)), ", ") + ")"
		}
	}
	return shown
}

// asObject is JSON as an object, which YAML shows in lines; other text as it is.
func asObject(value string) any {
	var object map[string]any
	if json.Unmarshal([]byte(value), &object) != nil {
		return value
	}
	return object
}

func namesIn(pod map[string]any, field string) map[string]bool {
	names := make(map[string]bool)
	list, _ := objectAt(pod, "spec")[field].([]any)
	for _, item := range list {
		container, _ := item.(map[string]any)
		name, _ := container["name"].(string)
		names[name] = true
	}
	return names
}

// shortened has of the containers that were not there before only name and image, and
// whose they are.
func shortened(list []any, before map[string]bool, sets map[string][]string) []any {
	shown := slices.Clone(list)
	for i, item := range list {
		container, _ := item.(map[string]any)
		name, _ := container["name"].(string)
		if name == "" || before[name] {
			continue
		}
		by := "injected"
		for _, set := range slices.Sorted(maps.Keys(sets)) {
			if slices.Contains(sets[set], name) {
				by = fmt.Sprintf("injected by SidecarSet %q", set)
			}
		}
		short := map[string]any{"name": name, "image": container["image"]}
		rest, err := yaml.Marshal(container)
		if more := strings.Count(string(rest), "\n") - len(short); err == nil && more > 0 {
			by += fmt.Sprintf("; %d lines more", more)
		}
		short["("+by+")"] = ""
		shown[i] = short
	}
	return shown
}
