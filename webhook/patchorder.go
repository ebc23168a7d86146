package webhook

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
)

// inOrder sorts the operations of a patch in place. The library emits them in the
// random order of maps; sorted, equal patches look equal: first what adds and replaces by path, then what removes, from the last path to the first.
//
// The effect stays the same. Of a list, a patch by comparison changes the items
// that both sides have, and then either adds at its end or removes from its end;
// paths in different fields do not touch each other.
func inOrder(operations []jsonpatch.Operation) []jsonpatch.Operation {
	slices.SortFunc(operations, func(a, b jsonpatch.Operation) int {
		aRemoves, bRemoves := a.Operation == "remove", b.Operation == "remove"
		switch {
		case aRemoves && bRemoves:
			return comparePaths(b.Path, a.Path)
		case aRemoves:
			return 1
		case bRemoves:
			return -1
		default:
			return comparePaths(a.Path, b.Path)
		}
	})
	return operations
}

// comparePaths orders paths name by name. Numbers, which may be positions in a
// list, go by value and before names.
func comparePaths(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "/"), strings.Split(b, "/"), func(a, b string) int {
		aNumber, aErr := strconv.ParseUint(a, 10, 32)
		bNumber, bErr := strconv.ParseUint(b, 10, 32)
		switch {
		case aErr == nil && bErr == nil:
			return cmp.Or(cmp.Compare(aNumber, bNumber), cmp.Compare(a, b))
		case aErr == nil:
			return -1
		case bErr == nil:
			return 1
		default:
			return cmp.Compare(a, b)
		}
	})
}
