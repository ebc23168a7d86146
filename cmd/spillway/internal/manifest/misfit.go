package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// misfit finds the innermost value in content that does not fit its Go type, and
// says what is wrong with it. JSON decoders name fields without the position in
// lists, or not at all when a type decodes itself, as quantities do. cause is
// returned if nothing smaller than the whole is at fault.
func misfit(content map[string]any, target any, cause error) (path string, problem error) {
	whole := element{value: content, kind: reflect.TypeOf(target).Elem()}
	at, err := whole.innermost()
	if at == nil {
		return "", cause
	}
	return at.String(), err
}

// element is a value of the input and the type that it must fit.
type element struct {
	path  *field.Path
	value any
	kind  reflect.Type
}

// innermost returns the path of the innermost element that does not decode; the
// path is nil if it is the whole, and the error if there is none.
func (e element) innermost() (*field.Path, error) {
	cause := e.decode()
	if cause == nil {
		return nil, nil
	}
	for _, child := range e.children() {
		if path, err := child.innermost(); err != nil {
			return path, err
		}
	}
	return e.path, e.problem(cause)
}

func (e element) decode() error {
	content, err := json.Marshal(e.value)
	if err != nil {
		return err
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(content, reflect.New(e.kind).Interface())
}

// children returns the elements inside e, in a fixed order. Types that decode
// themselves have none.
func (e element) children() []element {
	kind := pointee(e.kind)
	if decodesItself(kind) {
		return nil
	}
	var children []element
	switch value := e.value.(type) {
	case []any:
		if kind.Kind() != reflect.Slice {
			return nil
		}
		for i, v := range value {
			children = append(children, element{e.path.Index(i), v, kind.Elem()})
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if child, ok := e.member(kind, key, value[key]); ok {
				children = append(children, child)
			}
		}
	}
	return children
}

// member returns what stands under a key of an object.
func (e element) member(kind reflect.Type, key string, value any) (element, bool) {
	switch kind.Kind() {
	case reflect.Map:
		return element{e.path.Key(key), value, kind.Elem()}, true
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(kind) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key {
				return element{e.path.Child(key), value, f.Type}, true
			}
		}
	}
	return element{}, false
}

// problem says in the words of the file, not of Go, what does not fit.
func (e element) problem(cause error) error {
	kind := pointee(e.kind)
	if decodesItself(kind) {
		return fmt.Errorf("%s does not fit: %w", describe(e.value), cause)
	}
	must := ""
	switch kind.Kind() {
	case reflect.String:
		must = "a string"
	case reflect.Bool:
		must = "a boolean"
	case reflect.Int32, reflect.Int64, reflect.Int:
		must = fmt.Sprintf("a %d-bit integer", kind.Bits())
	case reflect.Float32, reflect.Float64:
		must = "a number"
	case reflect.Slice:
		must = "a list"
	case reflect.Map, reflect.Struct:
		must = "an object"
	default:
		return cause
	}
	return fmt.Errorf("must be %s, is %s", must, describe(e.value))
}

func pointee(kind reflect.Type) reflect.Type {
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind
}

func decodesItself(kind reflect.Type) bool {
	return reflect.PointerTo(kind).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// describe names a value of the input in an error message.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %q", v)
	case bool:
		return fmt.Sprintf("the boolean %t", v)
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	default:
		return fmt.Sprintf("the number %v", v)
	}
}
