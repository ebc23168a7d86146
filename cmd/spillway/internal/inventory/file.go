package inventory

import (
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/provider/portability"
)

// Formats are the formats of Write.
func Formats() []string { return []string{"yaml", "json"} }

// Write prints an inventory; the format is one of Formats.
func Write(w io.Writer, format string, inv portability.Inventory) error {
	var text []byte
	var err error
	if format == "json" {
		text, err = json.MarshalIndent(inv, "", "  ")
		text = append(text, '\n')
	} else {
		text, err = yaml.Marshal(inv)
	}
	if err != nil {
		return fmt.Errorf("cannot encode the inventory: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("cannot write the inventory: %w", err)
	}
	return nil
}

// Read returns the inventory that a file holds, and a sentence for each field that
// this version does not know, which a later one wrote or a person misspelt.
func Read(path string, stdin io.Reader) (inv portability.Inventory, unknown []string, err error) {
	objects, err := manifest.Read([]string{path}, stdin)
	if err != nil {
		return inv, nil, err
	}
	if len(objects) != 1 {
		return inv, nil, fmt.Errorf("%s: there are %d documents, and an inventory is one", path, len(objects))
	}
	object := objects[0]
	if object.APIVersion != portability.APIVersion || object.Kind != portability.Kind {
		return inv, nil, fmt.Errorf("%s: is a %s of %s, not a %s of %s, as `spillway inventory` of this version prints it", path, object.Kind, object.APIVersion, portability.Kind, portability.APIVersion)
	}
	unknown, err = object.Decode(&inv)
	return inv, unknown, err
}
