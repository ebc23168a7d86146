package webhook

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
)

// list compares two lists item by item: first it removes, from the last to the
// first, what is gone or moves; then, from the first to the last, each item is put
// into its place and changed there.
func (c *comparison) list(at place, before, after reflect.Value, mergeKey string) error {
	had, has, err := identify(before, after, mergeKey)
	if err != nil {
		return err
	}
	origins := align(had, has)
	if len(has) > 0 && !slices.ContainsFunc(origins, func(from origin) bool { return from.index >= 0 && !from.replaced }) {
		return c.write("replace", at, after) // of which nothing was there
	}
	stays := make([]bool, len(had))
	for _, from := range origins {
		if from.stays {
			stays[from.index] = true
		}
	}
	for i := range slices.Backward(stays) {
		if !stays[i] {
			c.operations = append(c.operations, jsonpatch.NewOperation("remove", at.item(i, i).is, nil))
		}
	}
	for i, from := range origins {
		if err := c.item(at.item(from.index, i), from, before, after.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) item(at place, from origin, before, after reflect.Value) error {
	switch {
	case from.index < 0:
		return c.write("add", at, after)
	case from.replaced:
		return c.write("replace", at, after)
	case !from.stays:
		// Operations of the library cannot move, so the item is added as the
		// document has it.
		value, _, err := c.find(at.was)
		if err != nil {
			return err
		}
		c.operations = append(c.operations, jsonpatch.NewOperation("add", at.is, value))
	}
	return c.differing(at, before.Index(from.index), after, "")
}

// identity tells an item of a list from the others.
type identity struct {
	// id is another one for each item of a list.
	id any
	// key is the item's name, which others may have too; nil if it has none.
	key any
}

// identify gives the items of a list ids by which they are found in the other
// one: their keys, or else all that they are.
func identify(before, after reflect.Value, mergeKey string) (had, has []identity, err error) {
	index := keyField(before.Type().Elem(), mergeKey)
	had, has = keys(before, index), keys(after, index)
	if index != nil && areUnique(had) && areUnique(has) {
		return had, has, nil
	}
	if err := encodings(before, had); err != nil {
		return nil, nil, err
	}
	return had, has, encodings(after, has)
}

// keyField returns the field that names items of a type: the API's merge key, or
// what lists without one use, although it need not be unique in them.
func keyField(item reflect.Type, mergeKey string) []int {
	if item.Kind() != reflect.Struct {
		return nil
	}
	for _, key := range []string{mergeKey, "name", "key"} {
		if index := fieldNamed(item, key); key != "" && index != nil {
			return index
		}
	}
	return nil
}

// fieldNamed returns the index of the field that has a name in JSON.
func fieldNamed(object reflect.Type, name string) []int {
	for i := range object.NumField() {
		field := object.Field(i)
		fieldName, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case fieldName == name && field.Type.Comparable():
			return field.Index
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			if below := fieldNamed(field.Type, name); below != nil {
				return append([]int{i}, below...)
			}
		}
	}
	return nil
}

func keys(list reflect.Value, index []int) []identity {
	items := make([]identity, list.Len())
	for i := range items {
		if index != nil {
			key := list.Index(i).FieldByIndex(index).Interface()
			items[i] = identity{id: key, key: key}
		}
	}
	return items
}

func areUnique(items []identity) bool {
	seen := make(map[any]bool, len(items))
	for _, item := range items {
		seen[item.id] = true
	}
	return len(seen) == len(items)
}

// encodings makes ids of items that may occur more than once.
func encodings(list reflect.Value, items []identity) error {
	times := make(map[string]int, len(items))
	for i := range items {
		encoded, err := json.Marshal(list.Index(i).Addr().Interface())
		if err != nil {
			return err
		}
		times[string(encoded)]++
		items[i].id = fmt.Sprintf("%d %s", times[string(encoded)], encoded)
	}
	return nil
}
