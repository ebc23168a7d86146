package webhook

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gomodules.xyz/jsonpatch/v2"
	evanphx "gopkg.in/evanphx/json-patch.v4"
)

// TestInOrder compares random documents: sorted, a patch still turns one into the
// other, and no longer depends on the order of Go's maps.
func TestInOrder(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	for i := range 2000 {
		before := map[string]any{"spec": map[string]any{}, "a": randomValue(random, 3)}
		after := map[string]any{"spec": map[string]any{}, "a": randomValue(random, 3)}
		var first string
		for range 3 {
			operations, err := jsonpatch.CreatePatch(encoded(t, before), encoded(t, after))
			if err != nil {
				t.Fatal(err)
			}
			sorted := inOrder(operations)
			got, err := apply(sorted, encoded(t, before))
			if err != nil {
				t.Fatalf("seed %d, case %d: %v\n%s", seed, i, err, encoded(t, sorted))
			}
			if diff := cmp.Diff(string(encoded(t, after)), string(got)); diff != "" {
				t.Fatalf("seed %d, case %d: the sorted patch does something else: -want +got:\n%s\n%s", seed, i, diff, encoded(t, sorted))
			}
			text := string(encoded(t, sorted))
			if first != "" && text != first {
				t.Fatalf("seed %d, case %d: two orders:\n%s\n%s", seed, i, first, text)
			}
			first = text
		}
	}
}

// randomValue prefers names that look like positions in a list.
func randomValue(random *rand.Rand, depth int) any {
	switch kind := random.IntN(4); {
	case depth == 0 || kind == 0:
		return fmt.Sprint(random.IntN(3))
	case kind == 1:
		list := []any{}
		for range random.IntN(4) {
			list = append(list, randomValue(random, depth-1))
		}
		return list
	default:
		object := map[string]any{}
		for range random.IntN(5) {
			names := []string{"1", "2", "10", "02", "1a", "b", "c/d", "-"}
			object[names[random.IntN(len(names))]] = randomValue(random, depth-1)
		}
		return object
	}
}

func encoded(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// apply returns the document in the encoding that encoded gives it.
func apply(operations []jsonpatch.Operation, document []byte) ([]byte, error) {
	text, err := json.Marshal(operations)
	if err != nil {
		return nil, err
	}
	patch, err := evanphx.DecodePatch(text)
	if err != nil {
		return nil, err
	}
	patched, err := patch.Apply(document)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(patched, &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
