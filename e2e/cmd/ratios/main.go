// Command ratios judges what measuring commands wrote, reports or what they printed:
//
//	ratios [-bounds FILE] FILE...
//
// Without bounds it tells which ratios are within their limits. With them, as in CI, it
// judges those that the file names and no others, each by what it was when it was
// recorded, its limit, and a tolerance for machines that are busy; it exits with 1 if one
// is worse, or missing, and names each.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/spillway-io/spillway/e2e/ratio"
)

func main() {
	file := flag.String("bounds", "", "the file of bounds, such as hack/perf-limits; empty: limits are told, and nothing fails")
	flag.Parse()
	if err := run(os.Stdout, *file, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, bounds string, measured []string) error {
	var ratios []ratio.Ratio
	for _, file := range measured {
		found, err := scan(file)
		if err != nil {
			return err
		}
		ratios = append(ratios, found...)
	}
	if len(ratios) == 0 {
		return errors.New("there are no ratios to judge")
	}
	if bounds == "" {
		return tell(out, ratios)
	}
	return judge(out, bounds, ratios)
}

func scan(file string) ([]ratio.Ratio, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot open what was measured: %w", err)
	}
	found, err := ratio.Scan(in)
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return found, nil
}

// tell says which limits are kept.
func tell(out io.Writer, ratios []ratio.Ratio) error {
	for _, r := range ratios {
		word := "ok"
		if !r.Holds() {
			word = "MISSED"
		}
		if _, err := fmt.Fprintln(out, r, word); err != nil {
			return err
		}
	}
	return nil
}

func judge(out io.Writer, file string, ratios []ratio.Ratio) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("cannot open the bounds: %w", err)
	}
	bounds, err := ratio.ReadBounds(in)
	if err := errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var failed []error
	for _, verdict := range ratio.Judge(ratios, bounds) {
		if verdict.Failed() {
			failed = append(failed, errors.New(verdict.String()))
			continue
		}
		if _, err := fmt.Fprintln(out, verdict); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}
