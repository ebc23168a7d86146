package ratio

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	ratios := []Ratio{
		{Name: "admission-S0", Value: 0.41, Limit: 0.5},
		{Name: "admission-S1", Value: 1.4, Limit: 1.3},
		{Name: "provider-throughput", Value: 0.7, Limit: 0.8, AtLeast: true},
	}
	cases := map[string]struct {
		reason, bounds string
		want           []string
	}{
		"measured":     {"what was measured is closer than the limit", "admission-S0 0.33 1.25", []string{"admission-S0 is 0.41, and may be at most 0.41 here"}},
		"regression":   {"within the limit, and much worse than it was", "admission-S0 0.30 1.25", []string{"admission-S0 is 0.41, and may be at most 0.38 here: worse"}},
		"limit":        {"nobody says what it was", "admission-S0 - 1", []string{"admission-S0 is 0.41, and may be at most 0.50 here"}},
		"no-loosening": {"what was bad when it was measured has the limit all the same", "admission-S1 2 1.05", []string{"admission-S1 is 1.40, and may be at most 1.37 here: worse"}},
		"noise":        {"a busy machine is no regression", "admission-S1 - 1.2", []string{"admission-S1 is 1.40, and may be at most 1.56 here"}},
		"reached":      {"tolerance is a factor downwards, too", "provider-throughput - 1.2", []string{"provider-throughput is 0.70, and may be at least 0.67 here"}},
		"not-reached":  {"it was twice as much", "provider-throughput 1.4 1.2", []string{"provider-throughput is 0.70, and may be at least 1.17 here: worse"}},
		"missing":      {"a check of nothing is none", "admission-S9 - 1", []string{"admission-S9 was not measured"}},
		"all":          {"all are told", "admission-S1 - 1\n# a remark\n\nadmission-S0 - 1 # another", []string{"admission-S1 is 1.40, and may be at most 1.30 here: worse", "admission-S0 is 0.41, and may be at most 0.50 here"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bounds, err := ReadBounds(strings.NewReader(tc.bounds))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range Judge(ratios, bounds) {
				got = append(got, v.String())
				if bad := strings.HasSuffix(v.String(), "worse") || v.Missing; v.Failed() != bad {
					t.Errorf("%s: %s failed: %t", tc.reason, v, v.Failed())
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadBoundsRefuses(t *testing.T) {
	cases := map[string]struct{ reason, text, want string }{
		"words":     {"a line without tolerance", "admission-S0 0.33", "line 1: want a name, what was measured and a tolerance, got 2 words"},
		"tolerance": {"what is below 1 fails what was measured", "\nadmission-S0 0.33 0.9", "line 2: the tolerance is 0.9, which is less than 1"},
		"zero":      {"of nothing there is no factor", "admission-S0 0 1.2", "line 1: what was measured: want more than 0, or - for nobody says"},
		"twice":     {"which of them is it", "a - 1\na - 2", "line 2: a was there before"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadBounds(strings.NewReader(tc.text)); err == nil || err.Error() != tc.want {
				t.Errorf("%s: %v, want %s", tc.reason, err, tc.want)
			}
		})
	}
}
