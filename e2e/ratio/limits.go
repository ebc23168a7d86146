package ratio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bound is what a ratio is held against where it is measured again and again, on
// machines that are busy: what it was when somebody looked, and how far from that it may
// be.
type Bound struct {
	Name string
	// Measured is what the ratio was. 0: nobody says, and the ratio's limit stands for it.
	Measured float64
	// Tolerance is by what factor it may be worse, 1 or more.
	Tolerance float64
}

// ReadBounds reads lines of a name, what was measured (- for nobody says), and a
// tolerance. What follows # is for people.
func ReadBounds(in io.Reader) ([]Bound, error) {
	var bounds []Bound
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		b, err := bound(words)
		if err == nil && slices.ContainsFunc(bounds, func(other Bound) bool { return other.Name == b.Name }) {
			err = fmt.Errorf("%s was there before", b.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		bounds = append(bounds, b)
	}
	return bounds, lines.Err()
}

func bound(words []string) (Bound, error) {
	if len(words) != 3 {
		return Bound{}, fmt.Errorf("want a name, what was measured and a tolerance, got %d words", len(words))
	}
	b := Bound{Name: words[0]}
	var err error
	if words[1] != "-" {
		if b.Measured, err = strconv.ParseFloat(words[1], 64); err != nil {
			return b, fmt.Errorf("what was measured: %w", err)
		}
		if b.Measured <= 0 {
			return b, errors.New("what was measured: want more than 0, or - for nobody says")
		}
	}
	if b.Tolerance, err = strconv.ParseFloat(words[2], 64); err != nil {
		return b, fmt.Errorf("the tolerance: %w", err)
	}
	if b.Tolerance < 1 {
		return b, fmt.Errorf("the tolerance is %v, which is less than 1", b.Tolerance)
	}
	return b, nil
}

// of is the worst that a ratio may be: the better one of its limit and what was
// measured, with the tolerance.
func (b Bound) of(r Ratio) float64 {
	if r.AtLeast {
		return max(r.Limit, b.Measured) / b.Tolerance
	}
	if b.Measured == 0 {
		return r.Limit * b.Tolerance
	}
	return min(r.Limit, b.Measured) * b.Tolerance
}

// Verdict is what is said about a ratio.
type Verdict struct {
	Ratio
	// Bound is the worst that it may be.
	Bound float64
	// Missing says that nobody has measured it, Worse that it is beyond the bound.
	Missing, Worse bool
}

// Failed says that the ratio is not as it should be.
func (v Verdict) Failed() bool { return v.Missing || v.Worse }

// String says it in a line.
func (v Verdict) String() string {
	if v.Missing {
		return v.Name + " was not measured"
	}
	word := "at most"
	if v.AtLeast {
		word = "at least"
	}
	text := fmt.Sprintf("%s is %.2f, and may be %s %.2f here", v.Name, v.Value, word, v.Bound)
	if v.Worse {
		return text + ": worse"
	}
	return text
}

// Judge holds ratios against bounds, in the order of these. A ratio that has no bound
// is not judged; a bound that has no ratio fails, for a check of nothing is none.
func Judge(ratios []Ratio, bounds []Bound) []Verdict {
	var verdicts []Verdict
	for _, b := range bounds {
		found := false
		for _, r := range ratios {
			if r.Name != b.Name {
				continue
			}
			found = true
			held := r
			held.Limit = b.of(r)
			verdicts = append(verdicts, Verdict{Ratio: r, Bound: held.Limit, Worse: !held.Holds()})
		}
		if !found {
			verdicts = append(verdicts, Verdict{Ratio: Ratio{Name: b.Name}, Missing: true})
		}
	}
	return verdicts
}
