package manifest

import (
	"encoding/json"
	"fmt"
	"io"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// WriteYAML writes the objects as YAML documents with "---" between them.
// Fields are in alphabetical order.
func WriteYAML(w io.Writer, objects []map[string]any) error {
	for i, object := range objects {
		document, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("cannot encode an object as YAML: %w", err)
		}
		if i > 0 {
			document = append([]byte("---\n"), document...)
		}
		if _, err := w.Write(document); err != nil {
			return fmt.Errorf("cannot write the output: %w", err)
		}
	}
	return nil
}

// WriteJSON writes the objects as one object of the kind List, also when there
// is one or none, so that what reads it need not tell these cases apart.
func WriteJSON(w io.Writer, objects []map[string]any) error {
	if objects == nil {
		objects = []map[string]any{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	list := map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}
	if err := encoder.Encode(list); err != nil {
		return fmt.Errorf("cannot write the output: %w", err)
	}
	return nil
}

// Content returns a typed object as it is to be written. Go types encode some
// fields that were never set as empty objects ("status: {}"); they are left out.
func Content(object any) (map[string]any, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("cannot encode an object: %w", err)
	}
	content, err := Parse(encoded)
	if err != nil {
		return nil, err
	}
	dropUnset(content)
	return content, nil
}

// Parse returns the content of an object encoded as JSON, in the form that
// Object has.
func Parse(encoded []byte) (map[string]any, error) {
	var content map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(encoded, &content); err != nil {
		return nil, fmt.Errorf("cannot read an encoded object: %w", err)
	}
	return content, nil
}

// dropUnset removes the fields of the names under which Kubernetes' types for
// pods hold structs by value. Where such a name holds a pointer instead
// (spec.resources), an empty object means the same as none.
func dropUnset(value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			dropUnset(member)
			switch object, ok := member.(map[string]any); key {
			case "status", "metadata", "resources":
				if ok && len(object) == 0 {
					delete(v, key)
				}
			}
		}
	case []any:
		for _, member := range v {
			dropUnset(member)
		}
	}
}
