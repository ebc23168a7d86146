package webhook

import (
	"encoding/json"
	"fmt"
	"sync"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// Patch returns the JSON patch (RFC 6902) that turns raw, which decodes to
// before, into JSON that decodes to after. It is empty when they are equal.
// Status is not looked at, since admission cannot change it.
//
// It compares typed value with typed value, not with the bytes of the request: a
// field that this build's types do not know is in neither, so no operation
// removes it. An item of a list keeps such fields for as long as it is the same
// item, wherever it goes (see align). Only values that differ are encoded, and
// raw is read only where it has what the types do not say: an item that moves,
// an object that may be left out. If raw is nil, the JSON of before is taken for
// it.
//
// Operations are in the order of the API's fields and always the same for the
// same pods.
func Patch(raw []byte, before, after *corev1.Pod) ([]jsonpatch.Operation, error) {
	if before == after {
		return nil, nil
	}
	c := comparison{isRaw: raw != nil, document: sync.OnceValues(func() (any, error) {
		if raw == nil {
			return decoded(before)
		}
		var document any
		if err := unmarshal(raw, &document); err != nil {
			return nil, err
		}
		return document, nil
	})}
	if err := c.pods(before, after); err != nil {
		return nil, fmt.Errorf("cannot compare the admitted pod with that of the request: %w", err)
	}
	return c.operations, nil
}

// decoded is value the way JSON decoders see it: operations do not share memory
// with pods.
func decoded(value any) (any, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var plain any
	err = unmarshal(encoded, &plain)
	return plain, err
}
