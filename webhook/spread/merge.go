package spread

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// merge returns before with the patch applied. Only what is in the patch's scope
// is converted, and all else shared with before. Names that T does not have are
// returned.
func merge[T any](before T, patch any) (after T, unknown []string, err error) {
	object, ok := patch.(map[string]any)
	if !ok && patch != nil {
		return before, nil, errors.New("not a JSON object")
	}
	if patch == nil {
		object = map[string]any{directive: "delete"}
	}
	var (
		s      = scopeOf(object, reflect.TypeFor[T]())
		schema = strategicpatch.PatchMetaFromStruct{T: reflect.TypeFor[T]()}
		part   = s.cut(reflect.ValueOf(before)).Interface().(T)
	)
	original, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&part)
	if err != nil {
		return before, nil, fmt.Errorf("cannot encode the pod: %w", err)
	}
	if err := prepare(original, object, schema); err != nil {
		return before, nil, err
	}
	merged, err := strategicMerge(original, object, schema)
	if err != nil {
		return before, nil, err
	}
	unknown, err = fromUnstructured(merged, &part)
	if err != nil {
		return before, nil, err
	}
	after = s.paste(reflect.ValueOf(before), reflect.ValueOf(part)).Interface().(T)
	return after, unknown, nil
}

// strategicMerge turns a panic of the library into an error: it compares merge
// keys and looks up list items without asking whether they can be.
func strategicMerge(original, patch map[string]any, schema strategicpatch.LookupPatchMeta) (merged map[string]any, err error) {
	defer func() {
		if bug := recover(); bug != nil {
			merged, err = nil, fmt.Errorf("not a strategic merge patch: %v", bug)
		}
	}()
	return strategicpatch.StrategicMergeMapPatchUsingLookupPatchMeta(original, patch, schema)
}

// fromUnstructured decodes into object and returns the paths of fields that it
// does not have.
func fromUnstructured(content map[string]any, object any) (unknown []string, err error) {
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content, object, true)
	if err == nil {
		return nil, nil
	}
	strict, ok := runtime.AsStrictDecodingError(err)
	if !ok {
		return nil, typeError(content, object, err)
	}
	for _, cause := range strict.Errors() {
		path := strings.TrimSuffix(strings.TrimPrefix(cause.Error(), `unknown field "`), `"`)
		unknown = append(unknown, path)
	}
	return unknown, nil
}

// typeError says where a value of the wrong type is, which the converter does
// not, but the standard decoder does.
func typeError(content map[string]any, object any, otherwise error) error {
	encoded, err := json.Marshal(content)
	if err != nil {
		return otherwise
	}
	err = json.Unmarshal(encoded, reflect.New(reflect.TypeOf(object).Elem()).Interface())
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot hold a JSON %s", wrongType.Field, wrongType.Value)
	}
	return otherwise
}
