package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/provider/orphans"
	"github.com/spillway-io/spillway/provider/translate"
)

// TestNodeOptions: the doctor understands how a virtual node is run by its arguments,
// also by those of another version, and knows the defaults of what they leave out.
func TestNodeOptions(t *testing.T) {
	options, err := nodeOptions([]string{
		"--name=east", "--namespace-map=shop=east-shop", "--namespace-prefix=x-", "--claim-namespace=claims", "--delete-orphans=preview",
		"--pod-api-access=downstream,none", "--of-a-later-version=1", "--leader-elect-namespace=spillway",
	})
	if err != nil {
		t.Fatal(err)
	}
	if options.ClaimNamespace != "claims" || options.LeaderElectNamespace != "spillway" || options.DeleteOrphans != orphans.Preview || !options.LeaderElect {
		t.Errorf("it understands %+v", options)
	}
	want := translate.Rules{
		Identity: translate.Identity{Namespaces: translate.Namespaces{Prefix: "x-", Names: map[string]string{"shop": "east-shop"}}},
		Access:   translate.Access{Modes: []translate.AccessMode{translate.AccessDownstream, translate.AccessNone}},
	}
	if got := options.Rules; !cmp.Equal(want.Namespaces, got.Namespaces) || !cmp.Equal(want.Access.Modes, got.Access.Modes) {
		t.Errorf("its rules are %+v, want %+v", got, want)
	}

	options, err = nodeOptions(nil)
	if err != nil || options.ClaimNamespace != "spillway-system" || options.DeleteOrphans != orphans.Delete {
		t.Errorf("without arguments it is %+v, error %v", options, err)
	}
	if _, err := nodeOptions([]string{"--pod-workers=many"}); err == nil {
		t.Error("it understands what is no number")
	}
}
