package translate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestNamespaces: what leads down leads back up, and nothing else does.
func TestNamespaces(t *testing.T) {
	cases := map[string]struct {
		reason     string
		namespaces translate.Namespaces
		// down are upstream namespaces and where they lead.
		down map[string]string
		// strange are downstream namespaces that stand for none.
		strange []string
	}{
		"Same": {
			reason: "By default both clusters use one name.",
			down:   map[string]string{"shop": "shop", "default": "default"},
		},
		"Prefix": {
			reason:     "Two upstream clusters can share one downstream cluster.",
			namespaces: translate.Namespaces{Prefix: "eu-"},
			down:       map[string]string{"shop": "eu-shop", "eu-shop": "eu-eu-shop"},
			strange:    []string{"shop", "eu-", "us-shop"},
		},
		"Names": {
			reason:     "A name that is mapped away is free for no other namespace, and its own name stands for nothing.",
			namespaces: translate.Namespaces{Names: map[string]string{"shop": "team-shop"}},
			down:       map[string]string{"shop": "team-shop", "default": "default"},
			strange:    []string{"shop"},
		},
		"Swapped": {
			reason:     "Names may be exchanged.",
			namespaces: translate.Namespaces{Names: map[string]string{"blue": "green", "green": "blue"}},
			down:       map[string]string{"blue": "green", "green": "blue"},
		},
		"PrefixAndNames": {
			reason:     "The prefix is for all that have no name of their own.",
			namespaces: translate.Namespaces{Prefix: "eu-", Names: map[string]string{"shop": "shop"}},
			down:       map[string]string{"shop": "shop", "default": "eu-default"},
			strange:    []string{"eu-shop", "default"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for upstream, downstream := range tc.down {
				if got := tc.namespaces.Downstream(upstream); got != downstream {
					t.Errorf("%s\nDownstream(%q) = %q, want %q", tc.reason, upstream, got, downstream)
				}
				got, ok := tc.namespaces.Upstream(downstream)
				if diff := cmp.Diff(upstream, got); diff != "" || !ok {
					t.Errorf("%s\nUpstream(%q): %t, -want +got:\n%s", tc.reason, downstream, ok, diff)
				}
			}
			for _, downstream := range tc.strange {
				if got, ok := tc.namespaces.Upstream(downstream); ok {
					t.Errorf("%s\nUpstream(%q) = %q, want none", tc.reason, downstream, got)
				}
			}
		})
	}
}
