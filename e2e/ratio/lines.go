package ratio

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Scan finds ratios in what measuring commands wrote: a report, or what they printed,
// of which it takes the lines that begin with RATIO. A word behind the limit means
// nothing. A line with RATIO that cannot be read is an error.
func Scan(in io.Reader) ([]Ratio, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("cannot read what was measured: %w", err)
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var r Report
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("cannot read a report: %w", err)
		}
		return r.Ratios, nil
	}
	var found []Ratio
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0] != "RATIO" {
			continue
		}
		r, err := parse(words[1:])
		if err != nil {
			return nil, fmt.Errorf("cannot read the line %q: %w", lines.Text(), err)
		}
		found = append(found, r)
	}
	return found, lines.Err()
}

func parse(words []string) (Ratio, error) {
	if len(words) < 3 {
		return Ratio{}, fmt.Errorf("want a name, a value and a limit, got %d words", len(words))
	}
	value, err := strconv.ParseFloat(words[1], 64)
	if err != nil {
		return Ratio{}, fmt.Errorf("the value: %w", err)
	}
	limit, least := strings.CutPrefix(words[2], ">=")
	most, err := strconv.ParseFloat(limit, 64)
	if err != nil {
		return Ratio{}, fmt.Errorf("the limit: %w", err)
	}
	return Ratio{Name: words[0], Value: value, Limit: most, AtLeast: least}, nil
}
