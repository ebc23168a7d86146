package offline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"gomodules.xyz/jsonpatch/v2"
	evanphx "gopkg.in/evanphx/json-patch.v4"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
)

// apply returns what an API server makes of an object and a patch, by the
// library that API servers use.
func apply(operations []jsonpatch.Operation, content map[string]any) (map[string]any, error) {
	if len(operations) == 0 {
		return content, nil
	}
	// API servers send every pod with a spec; authors may leave it out.
	withSpec := maps.Clone(content)
	withSpec["spec"] = objectAt(content, "spec")
	before, err := encode(withSpec)
	if err != nil {
		return nil, err
	}
	encoded, err := encode(operations)
	if err != nil {
		return nil, err
	}
	patch, err := evanphx.DecodePatch(encoded)
	if err != nil {
		return nil, fmt.Errorf("cannot read the patch: %w", err)
	}
	after, err := patch.Apply(before)
	if err != nil {
		return nil, fmt.Errorf("cannot apply the patch: %w", err)
	}
	return manifest.Parse(after)
}

func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("cannot encode as JSON: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
