// Package lookalike finds what people write when they mean the label that opts in:
// another spelling of it, another value, or the right one where it has no effect. It
// says what it found, and leaves it to others what to make of it.
package lookalike

import (
	"maps"
	"slices"
	"strings"

	"github.com/spillway-io/spillway/api"
)

// Label is what somebody wrote who probably meant to opt in.
type Label struct {
	Key, Value string
	// RightKey says that the key is the right one.
	RightKey bool
}

// Exact finds the right key and value, for places where they have no effect.
func Exact(in map[string]string) []Label {
	if in[api.OptInLabel] == api.OptedIn {
		return []Label{{api.OptInLabel, api.OptedIn, true}}
	}
	return nil
}

// Of finds keys that look like the label that opts in, and values of the
// right one that look like its value.
func Of(in map[string]string) []Label {
	var found []Label
	for _, key := range slices.Sorted(maps.Keys(in)) {
		value := in[key]
		switch {
		case key == api.OptInLabel:
			if value != api.OptedIn && value != api.OptedOut {
				found = append(found, Label{key, value, true})
			}
		case looksLikeKey(key) && meansYes(value):
			found = append(found, Label{key, value, false})
		}
	}
	return found
}

// Nearly says whether two names are the same to the ear, or one slip of the fingers
// apart. Numbers tell names apart: web-1 is not web-2.
func Nearly(a, b string) bool {
	return letters(a) == letters(b) || slips(a, b) == 1 && digits(a) == digits(b)
}

func digits(name string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, name)
}

// looksLikeKey leaves out what does not tell words apart to the ear: prefixes, case,
// separators, a plural; and one slip of the fingers.
func looksLikeKey(key string) bool {
	key = key[strings.LastIndex(key, "/")+1:]
	right, word := letters(api.OptInLabel), letters(key)
	return slips(strings.TrimSuffix(word, "s"), right) <= 1
}

func letters(key string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_.", r) {
			return -1
		}
		return r
	}, strings.ToLower(key))
}

func meansYes(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "yes", "y", "on", "1", "enabled", "enable", "":
		return true
	default:
		return false
	}
}

// slips is how many letters were left out, added, replaced or swapped with the next.
// Nothing above 1 is exact.
func slips(got, want string) int {
	if got == want {
		return 0
	}
	same := 0
	for same < len(got) && same < len(want) && got[same] == want[same] {
		same++
	}
	g, w := got[same:], want[same:]
	switch {
	case g == "" && len(w) == 1, w == "" && len(g) == 1:
		return 1
	case g == "" || w == "":
		return 2
	case g[1:] == w, w[1:] == g, g[1:] == w[1:]:
		return 1
	case len(g) > 1 && len(w) > 1 && g[0] == w[1] && g[1] == w[0] && g[2:] == w[2:]:
		return 1
	default:
		return 2
	}
}
