package webhook

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// comparison gathers the operations of a patch.
type comparison struct {
	operations []jsonpatch.Operation
	// document returns the JSON that the patch will be applied to.
	document func() (any, error)
	// isRaw: document may have fields that the types do not know, and lack objects
	// that the types always encode.
	isRaw bool
}

// place is where a value is: in the document, and in what the operations so far
// have made of it.
type place struct{ was, is string }

func (p place) member(name string) place { return place{p.was + "/" + name, p.is + "/" + name} }

func (p place) item(was, is int) place {
	return place{p.was + "/" + strconv.Itoa(was), p.is + "/" + strconv.Itoa(is)}
}

func (c *comparison) pods(before, after *corev1.Pod) error {
	b, a := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for _, part := range []struct{ field, name string }{{"ObjectMeta", "metadata"}, {"Spec", "spec"}} {
		if err := c.differing(place{}.member(part.name), b.FieldByName(part.field), a.FieldByName(part.field), ""); err != nil {
			return err
		}
	}
	return nil
}

// differing compares two values of which both are in the JSON. mergeKey is
// the API's name for what tells items of a list apart.
func (c *comparison) differing(at place, before, after reflect.Value, mergeKey string) error {
	switch {
	case same(before, after):
		return nil
	case encodesItself(before) || isNil(before) || isNil(after):
		return c.encoded(at, before, after)
	case before.Type() == reflect.TypeFor[map[string]string]():
		return c.texts(at, before, after)
	}
	switch before.Kind() {
	case reflect.Pointer:
		return c.differing(at, before.Elem(), after.Elem(), "")
	case reflect.Struct:
		if err := c.addMissing(at, before); err != nil {
			return err
		}
		return c.fields(at, before, after)
	case reflect.Slice:
		return c.list(at, before, after, mergeKey)
	default:
		return c.encoded(at, before, after)
	}
}

func (c *comparison) fields(at place, before, after reflect.Value) error {
	for i := range before.NumField() {
		b, a := before.Field(i), after.Field(i)
		if same(b, a) {
			continue
		}
		var err error
		field := before.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			err = c.fields(at, b, a)
		} else {
			err = c.member(at.member(name), b, a, strings.Contains(options, "omitempty"), field.Tag.Get("patchMergeKey"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// member compares two values of a field, which may be missing from the JSON.
func (c *comparison) member(at place, before, after reflect.Value, omitsEmpty bool, mergeKey string) error {
	wasOmitted, isOmitted := omitsEmpty && isEmpty(before), omitsEmpty && isEmpty(after)
	switch {
	case wasOmitted && isOmitted:
		return nil
	case before.Kind() == reflect.Struct && !encodesItself(before):
		return c.differing(at, before, after, mergeKey)
	case isOmitted:
		c.operations = append(c.operations, jsonpatch.NewOperation("remove", at.is, nil))
		return nil
	case wasOmitted || before.IsZero():
		return c.write("add", at, after) // which also replaces null, 0 and ""
	default:
		return c.differing(at, before, after, mergeKey)
	}
}

// manyTexts is how many labels or annotations that change are said as a whole, where
// that is shorter: an API server applies operations one by one, but people who read a
// patch want to see what changes.
const manyTexts = 4

// texts compares labels and annotations: key by key, or as a whole.
func (c *comparison) texts(at place, before, after reflect.Value) error {
	was, is := before.Interface().(map[string]string), after.Interface().(map[string]string)
	var operations []jsonpatch.Operation
	each := len(`{"op":"replace","path":"/","value":""},`) + len(at.is)
	whole, apart := each, 0
	change := func(operation, key string, value any, size int) {
		path := at.is + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		operations = append(operations, jsonpatch.NewOperation(operation, path, value))
		apart += each + len(key) + size
	}
	for key, value := range is {
		whole += len(`"":"",`) + len(key) + len(value)
		if had, there := was[key]; !there {
			change("add", key, value, len(value))
		} else if had != value {
			change("replace", key, value, len(value))
		}
	}
	for key := range was {
		if _, there := is[key]; !there {
			change("remove", key, nil, 0)
		}
	}
	if len(operations) >= manyTexts && whole < apart {
		return c.write("replace", at, after)
	}
	c.operations = append(c.operations, inOrder(operations)...)
	return nil
}

// encoded compares by the library what has neither fields nor items that this
// build might not know all of.
func (c *comparison) encoded(at place, before, after reflect.Value) error {
	b, err := json.Marshal(before.Addr().Interface())
	if err != nil {
		return err
	}
	a, err := json.Marshal(after.Addr().Interface())
	if err != nil {
		return err
	}
	operations, err := jsonpatch.CreatePatch(b, a)
	for _, operation := range inOrder(operations) {
		operation.Path = at.is + operation.Path
		c.operations = append(c.operations, operation)
	}
	return err
}

// write adds an operation with a whole value. That can be a container: it is encoded
// once and not taken apart again.
func (c *comparison) write(operation string, at place, value reflect.Value) error {
	encoded, err := json.Marshal(value.Addr().Interface())
	c.operations = append(c.operations, jsonpatch.NewOperation(operation, at.is, json.RawMessage(encoded)))
	return err
}

// addMissing adds the object at a place if the document lacks it. Types encode
// some objects always; authors leave them out, and so may other builds.
func (c *comparison) addMissing(at place, before reflect.Value) error {
	if !c.isRaw || !before.IsZero() {
		return nil
	}
	value, found, err := c.find(at.was)
	switch {
	case err != nil:
		return err
	case !found:
		c.operations = append(c.operations, jsonpatch.NewOperation("add", at.is, map[string]any{}))
	case value == nil:
		c.operations = append(c.operations, jsonpatch.NewOperation("replace", at.is, map[string]any{}))
	}
	return nil
}

// find returns what the document has at a path of fields and positions.
func (c *comparison) find(path string) (value any, found bool, err error) {
	value, err = c.document()
	if err != nil {
		return nil, false, err
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		switch parent := value.(type) {
		case map[string]any:
			if value, found = parent[name]; !found {
				return nil, false, nil
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(parent) {
				return nil, false, nil
			}
			value = parent[i]
		default:
			return nil, false, nil
		}
	}
	return value, true, nil
}

// same compares by address, so that nothing is copied and shared parts cost nothing.
func same(before, after reflect.Value) bool {
	return reflect.DeepEqual(before.Addr().Interface(), after.Addr().Interface())
}

func encodesItself(value reflect.Value) bool {
	return reflect.PointerTo(value.Type()).Implements(reflect.TypeFor[json.Marshaler]())
}

func isNil(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return value.IsNil()
	default:
		return false
	}
}

func isEmpty(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Slice, reflect.Map:
		return value.Len() == 0
	default:
		return value.IsZero()
	}
}

// unmarshal keeps numbers as they are written.
func unmarshal(encoded []byte, into *any) error {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	return decoder.Decode(into)
}
