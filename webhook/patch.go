package webhook

import (
	"encoding/json"
	"fmt"
	"reflect"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// Patch returns the JSON patch (RFC 6902) that turns before into after; it is
// empty when they are equal. Status is not looked at, since admission cannot
// change it.
//
// It compares typed value with typed value, not with the bytes of the request:
// a field that this build's types do not know is in neither, so no operation
// removes it. Only fields that differ are encoded. Steps that share untouched
// parts between before and after make that comparison a matter of pointers.
func Patch(before, after *corev1.Pod) ([]jsonpatch.Operation, error) {
	if before == after {
		return nil, nil
	}
	var left, right corev1.Pod
	metadata := keepChanged(&before.ObjectMeta, &after.ObjectMeta, &left.ObjectMeta, &right.ObjectMeta)
	spec := keepChanged(&before.Spec, &after.Spec, &left.Spec, &right.Spec)
	if !metadata && !spec {
		return nil, nil
	}
	beforeJSON, err := json.Marshal(&left)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the pod of the request: %w", err)
	}
	afterJSON, err := json.Marshal(&right)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the admitted pod: %w", err)
	}
	operations, err := jsonpatch.CreatePatch(beforeJSON, afterJSON)
	if err != nil {
		return nil, fmt.Errorf("cannot compare the admitted pod with that of the request: %w", err)
	}
	return inOrder(operations), nil
}

// keepChanged copies to left and right those fields in which before and after
// differ, and says whether there are any.
func keepChanged[T any](before, after, left, right *T) bool {
	b, a := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	l, r := reflect.ValueOf(left).Elem(), reflect.ValueOf(right).Elem()
	changed := false
	for i := range b.NumField() {
		if reflect.DeepEqual(b.Field(i).Interface(), a.Field(i).Interface()) {
			continue
		}
		changed = true
		l.Field(i).Set(b.Field(i))
		r.Field(i).Set(a.Field(i))
	}
	return changed
}
