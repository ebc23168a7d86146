package spread

import (
	"reflect"
	"slices"
	"strings"
)

// scope is the part of a value that a patch is about; the zero scope is all of
// it. A strategic merge patch merges fields of an object independently, and so
// items of a list with a merge key, bar directives for all of them. Whatever is
// out of scope needs no merging, and so no converting.
type scope struct {
	// fields are those of a struct, by their index.
	fields map[int]scope
	// items are those of a list, by their merge key, which is the field key. Of
	// the others the key is in scope, because of their order.
	items map[any]scope
	key   int
}

// scopeOf returns the scope of the patch of a struct. An embedded struct, whose
// fields a patch names as if they were t's, is in scope.
func scopeOf(patch map[string]any, t reflect.Type) scope {
	directed, all := directedBy(patch)
	if all {
		return scope{}
	}
	s := scope{fields: make(map[int]scope, len(patch))}
	for i := range t.NumField() {
		name := nameInJSON(t.Field(i))
		value, named := patch[name]
		switch {
		case name == "", directed[name]:
			s.fields[i] = scope{}
		case named:
			s.fields[i] = scopeOfField(value, t.Field(i))
		}
	}
	return s
}

// directedBy returns the fields that the directives of a patch are about: "$patch"
// and "$retainKeys" are about all of them, and "$setElementOrder/x" and
// "$deleteFromPrimitiveList/x" are about x.
func directedBy(patch map[string]any) (fields map[string]bool, all bool) {
	fields = map[string]bool{}
	for name := range patch {
		directive, field, ofField := strings.Cut(name, "/")
		switch {
		case !isDirective(directive):
		case ofField:
			fields[field] = true
		default:
			all = true
		}
	}
	return fields, all
}

func isDirective(key string) bool { return strings.HasPrefix(key, "$") }

// scopeOfField is the whole field, unless it is a list with a merge key and the
// patch one of items that all have the key, and none a directive for itself.
func scopeOfField(patch any, field reflect.StructField) scope {
	list, isList := patch.([]any)
	merges := slices.Contains(strings.Split(field.Tag.Get("patchStrategy"), ","), "merge")
	if !isList || !merges || field.Type.Kind() != reflect.Slice {
		return scope{}
	}
	mergeKey := field.Tag.Get("patchMergeKey")
	key, found := keyField(mergeKey, field.Type.Elem())
	if !found {
		return scope{}
	}
	s := scope{key: key, items: make(map[any]scope, len(list))}
	for _, item := range list {
		identity, object, err := identify(item, mergeKey)
		if err != nil {
			return scope{}
		}
		of := scopeOf(object, field.Type.Elem())
		if of.fields == nil {
			return scope{}
		}
		s.items[identity] = of
	}
	return s
}

// keyField returns the field of a list's items that has their merge key.
func keyField(mergeKey string, item reflect.Type) (index int, found bool) {
	if item.Kind() != reflect.Struct {
		return 0, false
	}
	for i := range item.NumField() {
		if nameInJSON(item.Field(i)) == mergeKey {
			kind := item.Field(i).Type.Kind()
			return i, kind == reflect.String || kind == reflect.Int32
		}
	}
	return 0, false
}

func nameInJSON(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// cut returns the part of a value that is in scope. The rest of it is zero.
func (s scope) cut(whole reflect.Value) (part reflect.Value) {
	switch {
	case s.fields != nil:
		part = reflect.New(whole.Type()).Elem()
		for i, of := range s.fields {
			part.Field(i).Set(of.cut(whole.Field(i)))
		}
		return part
	case s.items != nil:
		return s.cutItems(whole)
	default:
		return whole
	}
}

func (s scope) cutItems(whole reflect.Value) (part reflect.Value) {
	if _, distinct := s.places(whole); !distinct {
		return whole
	}
	part = reflect.MakeSlice(whole.Type(), whole.Len(), whole.Len())
	for i := range whole.Len() {
		from, to := whole.Index(i), part.Index(i)
		if of, inScope := s.items[s.identity(from)]; inScope {
			to.Set(of.cut(from))
			continue
		}
		to.Field(s.key).Set(from.Field(s.key))
	}
	return part
}

// paste returns whole with what is in scope taken from part.
func (s scope) paste(whole, part reflect.Value) reflect.Value {
	switch {
	case s.fields != nil:
		pasted := reflect.New(whole.Type()).Elem()
		pasted.Set(whole)
		for i, of := range s.fields {
			pasted.Field(i).Set(of.paste(whole.Field(i), part.Field(i)))
		}
		return pasted
	case s.items != nil:
		return s.pasteItems(whole, part)
	default:
		return part
	}
}

// pasteItems completes the items of part.
func (s scope) pasteItems(whole, part reflect.Value) reflect.Value {
	places, distinct := s.places(whole)
	if !distinct {
		return part
	}
	for i := range part.Len() {
		item := part.Index(i)
		identity := s.identity(item)
		place, isOld := places[identity]
		of, inScope := s.items[identity]
		switch {
		case isOld && inScope:
			item.Set(of.paste(whole.Index(place), item))
		case isOld:
			item.Set(whole.Index(place))
		}
	}
	return part
}

// places returns where the items of a list are, by their merge key. In a list
// where several have the same one, they are not independent of each other.
func (s scope) places(list reflect.Value) (places map[any]int, distinct bool) {
	places = make(map[any]int, list.Len())
	for i := range list.Len() {
		places[s.identity(list.Index(i))] = i
	}
	return places, len(places) == list.Len()
}

// identity is the merge key of an item, as it is in JSON.
func (s scope) identity(item reflect.Value) any {
	if key := item.Field(s.key); key.CanInt() {
		return key.Int()
	}
	return item.Field(s.key).String()
}
