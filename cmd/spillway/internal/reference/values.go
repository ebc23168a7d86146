package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// schema is as much of a JSON schema as the chart's has of interest here.
type schema struct {
	Description string
	Type        any
	Enum        []any
	Ref         string `json:"$ref"`
	Items       *schema
	Required    []string
	Properties  properties
	Defs        map[string]*schema `json:"$defs"`
	// Additional says of what kind the values of a map are, or is false.
	Additional json.RawMessage `json:"additionalProperties"`
}

// properties keep their order.
type properties []property

type property struct {
	name string
	*schema
}

// UnmarshalJSON reads an object.
func (p *properties) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		one := property{name: fmt.Sprint(name), schema: &schema{}}
		if err := decoder.Decode(one.schema); err != nil {
			return err
		}
		*p = append(*p, one)
	}
	return nil
}

// Values is the page about the chart's values, from its schema and its values.yaml.
func Values(schemaFile, valuesFile []byte) (string, error) {
	var root schema
	if err := json.Unmarshal(schemaFile, &root); err != nil {
		return "", fmt.Errorf("cannot read the schema of the values: %w", err)
	}
	var defaults map[string]any
	if err := yaml.Unmarshal(valuesFile, &defaults); err != nil {
		return "", fmt.Errorf("cannot read the values: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, written, "charts/spillway/values.schema.json and values.yaml")
	b.WriteString("# Values of the chart\n\nWhat `helm install` and `helm upgrade` take by `--set` and `--values`; [Installing Spillway](../install.md) says what for. " +
		"Any other is refused by its name.\n`[]` stands for each entry of a list.\n\n| value | type | default | meaning |\n|---|---|---|---|\n")
	table{&b, root.Defs}.write("", root, defaults)
	return b.String(), nil
}

// table writes rows.
type table struct {
	b    *strings.Builder
	defs map[string]*schema
}

// write writes a row for each property of an object, and those within it. defaults is
// nil where there are none to be had: within lists.
func (t table) write(prefix string, object schema, defaults map[string]any) {
	for _, p := range object.Properties {
		if p.Description == "" && prefix == "" && p.name == "global" {
			continue // helm's own
		}
		value, isDefault := defaults[p.name]
		inner, _ := value.(map[string]any)
		path := prefix + p.name
		if p.Description != "" {
			t.row(path, *p.schema, value, isDefault && len(p.Properties) == 0)
		}
		t.write(path+".", *p.schema, inner)
		if p.Items != nil {
			t.write(path+"[].", *p.Items, nil)
		}
	}
}

func (t table) row(path string, s schema, value any, isDefault bool) {
	text := ""
	if isDefault {
		written, err := json.Marshal(value)
		if err != nil {
			written = []byte(err.Error())
		}
		text = code(string(written))
	}
	fmt.Fprintf(t.b, "| %s | %s | %s | %s |\n", code(path), t.kind(s), text, cell(s.Description))
}

// kind is what a value has to be.
func (t table) kind(s schema) string {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok && t.defs[name] != nil {
		return t.kind(*t.defs[name])
	}
	switch {
	case len(s.Enum) > 0:
		var all []string
		for _, one := range s.Enum {
			all = append(all, code(fmt.Sprint(one)))
		}
		return strings.Join(all, ", ")
	case s.Type == "array" && s.Items != nil:
		return "list of " + t.kind(*s.Items)
	case s.Type == nil:
		return "any"
	default:
		return fmt.Sprint(s.Type)
	}
}
