package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/e2e/manifest"
)

// Parse says what is wrong with the language of a fence that is not run.
func (f Fence) Parse() error {
	switch f.Language {
	case "yaml":
		_, err := f.documents()
		return err
	case "json":
		if !json.Valid([]byte(f.Text())) {
			return errors.New("this is no JSON")
		}
	case "go":
		if _, err := format.Source([]byte(f.Text())); err != nil {
			return fmt.Errorf("this is no Go: %w", err)
		}
	case "promql":
		return f.parseQueries()
	}
	return nil
}

// documents are those of a yaml fence, each a value of any kind.
func (f Fence) documents() ([]any, error) {
	var values []any
	for text := range strings.SplitSeq("\n"+f.Text(), "\n---") {
		var value any
		if err := yaml.UnmarshalStrict([]byte(text), &value); err != nil {
			return nil, fmt.Errorf("this is no YAML: %w", err)
		}
		values = append(values, value)
	}
	return values, nil
}

// parseQueries takes an empty line for the border between two queries.
func (f Fence) parseQueries() error {
	language := parser.NewParser(parser.Options{})
	for query := range strings.SplitSeq(f.Text(), "\n\n") {
		if strings.TrimSpace(query) == "" {
			continue
		}
		if _, err := language.ParseExpr(query); err != nil {
			return fmt.Errorf("this is no PromQL: %w", err)
		}
	}
	return nil
}

// Objects are the whole objects of a yaml fence: those that somebody can apply as they
// are. A fence that has other documents too has none.
func (f Fence) Objects() ([]*unstructured.Unstructured, error) {
	if f.Language != "yaml" || f.Needs != "" {
		return nil, nil
	}
	values, err := f.documents()
	if err != nil {
		return nil, err
	}
	for _, value := range values {
		object, isObject := value.(map[string]any)
		if value != nil && (!isObject || object["apiVersion"] == nil || object["kind"] == nil) {
			return nil, nil
		}
	}
	objects, err := manifest.Decode(f.Text())
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		if object.GetName() == "" && object.GetGenerateName() == "" {
			return nil, nil
		}
	}
	return objects, nil
}
