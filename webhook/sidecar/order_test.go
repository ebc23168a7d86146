package sidecar

import (
	"fmt"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
)

// TestScatter: the documented example, and labels by turns.
func TestScatter(t *testing.T) {
	set := rolling("log:v1", nil)
	zones := func(zones string) (all []stand) {
		for i, zone := range zones {
			pod := podOf(t, set, fmt.Sprintf("p%02d", i))
			pod.Labels["zone"] = string(zone)
			all = append(all, stand{pod: pod})
		}
		return all
	}
	cases := map[string]struct{ value, zones, want string }{
		"three of ten":     {"a", "aaabbbbbbb", "abbbbabbba"},
		"one":              {"a", "baaa", "baaa"},
		"nearly all":       {"a", "baaa", "baaa"},
		"two by two":       {"a", "aabb", "abba"},
		"another value":    {"c", "aabb", "aabb"},
		"all by turns":     {"*", "aaabbb", "ababab"},
		"three values":     {"*", "aaabbbccc", "abcabcabc"},
		"in proportion":    {"*", "aaaabb", "abaaba"},
		"all values alike": {"*", "aaaa", "aaaa"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, s := range inOrder(zones(tc.zones), &v1alpha1.SidecarSetUpdateStrategy{ScatterStrategy: v1alpha1.UpdateScatterStrategy{{Key: "zone", Value: tc.value}}}) {
				got += s.pod.Labels["zone"]
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
