package webhook

import (
	"context"
	"encoding/json"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// encoding encodes the patches of its handler. controller-runtime would do it, too,
// but takes what is encoded already apart twice: once for each operation, and once
// for the list.
type encoding struct{ admission.Handler }

// Handle answers one request.
func (e encoding) Handle(ctx context.Context, req admission.Request) admission.Response {
	response := e.Handler.Handle(ctx, req)
	if len(response.Patches) == 0 {
		return response
	}
	patch, err := encodePatch(response.Patches)
	if err != nil {
		// Whoever encodes it next says what is wrong.
		return response
	}
	response.Patch, response.PatchType, response.Patches = patch, new(admissionv1.PatchTypeJSONPatch), nil
	return response
}

// encodePatch writes operations as they are sent. Values that are encoded are taken as
// they are.
func encodePatch(operations []jsonpatch.Operation) ([]byte, error) {
	size := 2
	for _, operation := range operations {
		encoded, _ := operation.Value.(json.RawMessage)
		size += len(`{"op":"replace","path":"","value":},`) + len(operation.Path) + max(len(encoded), 100)
	}
	patch := append(make([]byte, 0, size), '[')
	for i, operation := range operations {
		if i > 0 {
			patch = append(patch, ',')
		}
		path, err := json.Marshal(operation.Path)
		if err != nil {
			return nil, err
		}
		patch = append(append(patch, `{"op":"`...), operation.Operation...)
		patch = append(append(patch, `","path":`...), path...)
		if operation.Operation != "remove" {
			encoded, isEncoded := operation.Value.(json.RawMessage)
			if !isEncoded {
				if encoded, err = json.Marshal(operation.Value); err != nil {
					return nil, err
				}
			}
			patch = append(append(patch, `,"value":`...), encoded...)
		}
		patch = append(patch, '}')
	}
	return append(patch, ']'), nil
}
