package spread_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/webhook/spread"
)

// TestNullInsideAListPlacedTwice: the library drops a null from a list that the
// pod does not have yet, and takes it for an empty value when it has.
func TestNullInsideAListPlacedTwice(t *testing.T) {
	for name, patch := range map[string]string{
		"list":    `{"spec":{"tolerations":[{"key":"spot","value":null,"tolerationSeconds":null}],"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone","labelSelector":{"matchLabels":{"app":null}}}]}}}}`,
		"replace": `{"spec":{"nodeSelector":{"$patch":"replace","disk":null,"zone":"a"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := spread.Decision{Spread: ledgerOf("a").Spread}
			d.Subset = &d.Spread.Spec.Subsets[0]
			d.Subset.Patch.Raw = []byte(patch)
			once, _, err := spread.Place(podV1("web"), d)
			if err != nil {
				t.Fatal(err)
			}
			twice, _, err := spread.Place(once, d)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(once, twice); diff != "" {
				t.Errorf("placed again, the pod changes: %s", diff)
			}
			if value, there := once.Spec.NodeSelector["disk"]; there {
				t.Errorf("a null became %q", value)
			}
		})
	}
}
