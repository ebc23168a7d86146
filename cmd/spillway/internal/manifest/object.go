package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"
)

// Object is one object of the input.
type Object struct {
	Position   Position
	APIVersion string
	Kind       string
	// Content is the object as it is written. Integers are int64.
	Content map[string]any
}

// Decode puts the object into a pointer to its Go type. unknown has a sentence
// for each field that the type does not have; they are left out. The error, an
// *Error, names the innermost value that does not fit.
func (o Object) Decode(into any) (unknown []string, err error) {
	content, err := json.Marshal(o.Content)
	if err != nil {
		return nil, &Error{Position: o.Position, Err: err}
	}
	strict, err := kjson.UnmarshalStrict(content, into)
	if err != nil {
		path, problem := misfit(o.Content, into, err)
		return nil, &Error{Position: o.Position, Field: path, Err: problem}
	}
	for _, e := range strict {
		unknown = append(unknown, e.Error())
	}
	return unknown, nil
}

// expand returns the object that is a document, or the items of a list.
func expand(at Position, document []byte) ([]Object, error) {
	object, err := newObject(at, document)
	if err != nil {
		return nil, err
	}
	itemKind, isList := strings.CutSuffix(object.Kind, "List")
	items, hasItems := object.Content["items"]
	if !isList || !hasItems || items == nil {
		return []Object{object}, nil
	}
	list, ok := items.([]any)
	if !ok {
		return nil, &Error{Position: at, Field: "items", Err: fmt.Errorf("must be a list, is %s", describe(items))}
	}
	var (
		objects []Object
		errs    []error
	)
	for i, item := range list {
		at := Position{File: at.File, Document: at.Document, Item: i + 1}
		content, ok := item.(map[string]any)
		if !ok {
			errs = append(errs, &Error{Position: at, Err: fmt.Errorf("must be an object, is %s", describe(item))})
			continue
		}
		// API servers leave out of a list's items what the list's kind says.
		if itemKind != "" && content["kind"] == nil {
			content["apiVersion"], content["kind"] = object.APIVersion, itemKind
		}
		member, err := identify(at, content)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		objects = append(objects, member)
	}
	return objects, errors.Join(errs...)
}

func newObject(at Position, document []byte) (Object, error) {
	var content any
	duplicates, err := kjson.UnmarshalStrict(document, &content, kjson.DisallowDuplicateFields)
	if err != nil {
		return Object{}, &Error{Position: at, Err: err}
	}
	if len(duplicates) > 0 {
		return Object{}, &Error{Position: at, Err: errors.Join(duplicates...)}
	}
	object, ok := content.(map[string]any)
	if !ok {
		return Object{}, &Error{Position: at, Err: fmt.Errorf("must be an object, is %s", describe(content))}
	}
	return identify(at, object)
}

// identify reads what every Kubernetes object has.
func identify(at Position, content map[string]any) (Object, error) {
	object := Object{Position: at, Content: content}
	for _, f := range []struct {
		name string
		into *string
	}{{"apiVersion", &object.APIVersion}, {"kind", &object.Kind}} {
		switch value := content[f.name].(type) {
		case string:
			*f.into = value
		case nil:
		default:
			return Object{}, &Error{Position: at, Field: f.name, Err: fmt.Errorf("must be a string, is %s", describe(value))}
		}
		if *f.into == "" {
			return Object{}, &Error{Position: at, Field: f.name, Err: errors.New("must be set")}
		}
	}
	return object, nil
}
