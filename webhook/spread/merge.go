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

// merge returns before with the patch applied. Fields are independent in a
// strategic merge patch, bar directives for all of them; so only those that the
// patch names are converted. Names that T does not have are returned.
func merge[T any](before T, patch any) (after T, unknown []string, err error) {
	names, ok := patch.(map[string]any)
	if !ok && patch != nil {
		return before, nil, errors.New("not a JSON object")
	}
	isNamed := namedBy(names)
	if patch == nil {
		isNamed, names = func(string) bool { return true }, map[string]any{"$patch": "delete"}
	}
	var part T
	schema := strategicpatch.PatchMetaFromStruct{T: reflect.TypeFor[T]()}
	copyFields(&part, &before, isNamed)
	original, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&part)
	if err != nil {
		return before, nil, fmt.Errorf("cannot encode the pod: %w", err)
	}
	if err := prepare(original, names, schema); err != nil {
		return before, nil, err
	}
	merged, err := strategicMerge(original, names, schema)
	if err != nil {
		return before, nil, err
	}
	unknown, err = fromUnstructured(merged, &part)
	if err != nil {
		return before, nil, err
	}
	after = before
	copyFields(&after, &part, isNamed)
	return after, unknown, nil
}

// namedBy returns the fields that a patch of an object is about. The directives
// "$patch" and "$retainKeys" are about all of them, and "$setElementOrder/x"
// and "$deleteFromPrimitiveList/x" are about x.
func namedBy(patch map[string]any) func(field string) bool {
	fields := make(map[string]bool, len(patch))
	for key := range patch {
		if directive, field, found := strings.Cut(key, "/"); found && isDirective(directive) {
			key = field
		}
		if isDirective(key) {
			return func(string) bool { return true }
		}
		fields[key] = true
	}
	return func(field string) bool { return fields[field] }
}

func isDirective(key string) bool { return strings.HasPrefix(key, "$") }

// copyFields copies those fields of a struct whose name in JSON is wanted.
func copyFields[T any](to, from *T, isWanted func(name string) bool) {
	t, f := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Type().Field(i).Tag.Get("json"), ","); isWanted(name) {
			t.Field(i).Set(f.Field(i))
		}
	}
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
