package chaos

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/e2e/invariants"
	"github.com/spillway-io/spillway/e2e/playground"
)

// provesWitness does at last, by hand, what Spillway must never do, and is an error
// unless the witness finds it: one that has been blind all the time would also have
// seen nothing.
func (s *Stage) provesWitness(ctx context.Context) error {
	below := s.downstream.Client().CoreV1()
	if err := below.Pods(namespace).Delete(ctx, single(0), metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("cannot delete a downstream pod: %w", err)
	}
	_, err := below.ConfigMaps(foreignNamespace).Patch(ctx, "unmarked", types.MergePatchType, []byte(`{"data":{"key":"other"}}`), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("cannot change a foreign ConfigMap: %w", err)
	}
	return playground.Eventually(ctx, "the witness finds what was done by hand", func(context.Context) error {
		found := map[invariants.Invariant]bool{}
		for _, v := range s.witness.Violations() {
			found[v.Invariant] = true
		}
		for _, must := range []invariants.Invariant{invariants.Kept, invariants.Lived, invariants.Untouched} {
			if !found[must] {
				return fmt.Errorf("%s has not been violated", must)
			}
		}
		return nil
	})
}
