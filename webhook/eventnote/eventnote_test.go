package eventnote

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFormat(t *testing.T) {
	cases := map[string]struct{ reason, text, want string }{
		"fits":       {"nothing is cut", "3 nodes", "3 nodes"},
		"just-fits":  {"the limit is the last that fits", strings.Repeat("x", Max), strings.Repeat("x", Max)},
		"too-long":   {"what is cut says so", strings.Repeat("x", 3*Max), strings.Repeat("x", Max-3) + "..."},
		"characters": {"no half of a character is left", strings.Repeat("é", Max), strings.Repeat("é", (Max-3)/2) + "..."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Format("%s", tc.text)
			if got != tc.want || !utf8.ValidString(got) || len(got) > Max {
				t.Errorf("%s: got %d bytes ending in %q", tc.reason, len(got), got[max(0, len(got)-9):])
			}
		})
	}
}
