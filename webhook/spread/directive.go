package spread

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// directive says what to do with the object that it stands in: "delete" or
// "replace".
const directive = "$patch"

// prepare makes a strategic merge patch mean the same whether or not the pod has
// what it speaks about, which it does not by itself: the library takes what is
// new as it stands, and so does something else when it is applied to its own
// result. Hence:
//
//   - what a patch merges into is put into original first, empty: objects, and
//     items of lists, before all others, where the library puts new ones;
//   - an object to be deleted is deleted, rather than emptied;
//   - directives are refused where nothing is merged: inside of what is replaced,
//     which includes lists without a merge key;
//   - nulls in there, which have nothing to clear, are left out;
//   - items of a list that cannot be told apart are refused.
func prepare(original, patch map[string]any, schema strategicpatch.LookupPatchMeta) error {
	for name, value := range patch {
		var err error
		switch value := value.(type) {
		case map[string]any:
			if value[directive] == "delete" {
				patch[name] = nil
				continue
			}
			err = prepareObject(original, name, value, schema)
		case []any:
			if !isDirective(name) {
				err = prepareList(original, name, value, schema)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func prepareObject(original map[string]any, name string, patch map[string]any, schema strategicpatch.LookupPatchMeta) error {
	inner, _, err := schema.LookupPatchMetadataForStruct(name)
	if err != nil {
		return nil //nolint:nilerr // A field we do not know: it is reported when the result is decoded.
	}
	if original[name] == nil {
		original[name] = map[string]any{}
	}
	if _, directed := patch[directive]; directed {
		return checkReplacement(patch)
	}
	into, isObject := original[name].(map[string]any)
	if !isObject {
		return nil
	}
	return prepare(into, patch, inner)
}

func prepareList(original map[string]any, name string, patch []any, schema strategicpatch.LookupPatchMeta) error {
	inner, meta, err := schema.LookupPatchMetadataForSlice(name)
	if err != nil || !slices.Contains(meta.GetPatchStrategies(), "merge") {
		return asContent(patch)
	}
	var (
		key       = meta.GetPatchMergeKey()
		list, _   = original[name].([]any)
		replacing = slices.ContainsFunc(patch, replaces)
		seen      = make(map[any]bool, len(patch))
		added     []any
	)
	err = checkItems(patch, func(item any) error {
		if replaces(item) {
			return nil
		}
		identity, object, err := identify(item, key)
		switch {
		case err != nil:
			return err
		case object[directive] == "delete":
			return nil
		case object[directive] != nil:
			return errUnknownDirective()
		case seen[identity]:
			return fmt.Errorf("a patch cannot tell it from another one with the same %s %q", cmp.Or(key, "value"), fmt.Sprint(identity))
		}
		seen[identity] = true
		switch {
		case object == nil:
			return nil
		case replacing:
			return asContent(object)
		}
		into := find(list, key, identity)
		if into == nil {
			into = map[string]any{key: identity}
			added = append(added, into)
		}
		return prepare(into, object, inner)
	})
	original[name] = slices.Concat([]any{}, added, list)
	return err
}

// identify returns what tells an item of a list from the others: of an object,
// the value of its merge key.
func identify(item any, key string) (identity any, object map[string]any, err error) {
	identity = item
	if key != "" {
		object, _ = item.(map[string]any)
		identity = object[key]
	}
	switch identity.(type) {
	case string, int64:
		return identity, object, nil
	default:
		return nil, nil, fmt.Errorf("has no %s", cmp.Or(key, "value that can be compared"))
	}
}

func find(list []any, key string, identity any) map[string]any {
	for _, item := range list {
		if object, isObject := item.(map[string]any); isObject && object[key] == identity {
			return object
		}
	}
	return nil
}

func replaces(item any) bool {
	object, isObject := item.(map[string]any)
	return isObject && object[directive] == "replace"
}

// checkReplacement is for an object with a directive.
func checkReplacement(object map[string]any) error {
	if object[directive] != "replace" {
		return errUnknownDirective()
	}
	delete(object, directive)
	err := asContent(object)
	object[directive] = "replace"
	return err
}

// asContent makes of a part of a patch what stands for itself: without nulls, at
// any depth. It refuses directives.
func asContent(value any) error {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			if inner == nil {
				delete(value, name)
				continue
			}
			if isDirective(name) {
				return fmt.Errorf("%s has no meaning here: the patch replaces this as a whole", name)
			}
			if err := asContent(inner); err != nil {
				return err
			}
		}
	case []any:
		return checkItems(value, asContent)
	}
	return nil
}

func checkItems(list []any, check func(item any) error) error {
	for i, item := range list {
		if err := check(item); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

func errUnknownDirective() error {
	return fmt.Errorf(`%s must be "replace" or "delete"`, directive)
}
