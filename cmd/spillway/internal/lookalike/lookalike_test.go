package lookalike

import "testing"

func TestOf(t *testing.T) {
	cases := map[string]struct {
		reason     string
		key, value string
		want       bool
	}{
		"plural":        {"people speak of virtual pods", "virtual-pods", "true", true},
		"joined":        {"no separator", "virtualpod", "true", true},
		"underscore":    {"another separator", "virtual_pod", "yes", true},
		"prefixed":      {"other keys have our prefix", "spillway.io/virtual-pod", "true", true},
		"capital":       {"case matters", "Virtual-Pod", "True", true},
		"swapped":       {"a slip", "virtual-pdo", "true", true},
		"left-out":      {"a slip", "virtal-pod", "true", true},
		"right-value":   {"this opts in", "virtual-pod", "true", false},
		"right-out":     {"this opts out on purpose", "virtual-pod", "false", false},
		"other-value":   {"the key is right and the value is not", "virtual-pod", "True", true},
		"other-word":    {"it is about something else", "virtual-node", "true", false},
		"other-no":      {"whoever says no does not want to opt in", "virtual-pods", "false", false},
		"other-nothing": {"nothing like it", "app", "true", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := len(Of(map[string]string{c.key: c.value})) > 0; got != c.want {
				t.Errorf("%s: %s=%q: got %t", c.reason, c.key, c.value, got)
			}
		})
	}
}

// TestNearlyHeedsNumbers: workloads that are numbered are not each other's slips.
func TestNearlyHeedsNumbers(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want bool
	}{
		"slip":      {"web", "wbe", true},
		"separator": {"web-1", "web1", true},
		"number":    {"web-1", "web-2", false},
		"version":   {"api-v1", "api-v2", false},
		"no-number": {"web", "web2", false},
		"other":     {"web", "shop", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Nearly(c.a, c.b); got != c.want {
				t.Errorf("%q and %q: got %t", c.a, c.b, got)
			}
		})
	}
}
