// Command performance writes the page about performance from what the suites have
// measured:
//
//	performance [-out docs] REPORT.json...
//
//	page.md.tmpl  the page, in words
//	page.go       its tables, and the figures in its sentences
//	pictures.go   its pictures
//
// It measures nothing, and refuses to judge by itself: a limit that is missed is in the
// page as one that is missed. Reports of one suite may be several, for one that is
// measured in parts; they stand one behind the other, in the order of the arguments. A
// suite without a report is said to be without figures.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spillway-io/spillway/e2e/ratio"
)

func main() {
	out := flag.String("out", "docs", "folder of the page, and of the folder pictures")
	flag.Parse()
	if err := run(os.Stdout, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, folder string, files []string) error {
	if len(files) == 0 {
		return errors.New("there is nothing to show: name the reports of suites")
	}
	reports := make([]*ratio.Report, 0, len(files))
	for _, file := range files {
		report, err := ratio.Read(file)
		if err != nil {
			return err
		}
		reports = append(reports, report)
	}
	all, err := pictures(reports)
	if err != nil {
		return err
	}
	page, err := render(reports, all)
	if err != nil {
		return err
	}
	if err := keep(filepath.Join(folder, "pictures"), all); err != nil {
		return err
	}
	path := filepath.Join(folder, "performance.md")
	if err := os.WriteFile(path, page, 0o644); err != nil {
		return fmt.Errorf("cannot keep the page: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s: %d reports, %d pictures\n", path, len(reports), len(all))
	return err
}

// keep writes the pictures, and removes those of an earlier page that it no longer has.
func keep(folder string, all []picture) error {
	old, err := filepath.Glob(filepath.Join(folder, prefix+"*.svg"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("cannot remove an old picture: %w", err)
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of the pictures: %w", err)
	}
	for _, p := range all {
		if err := os.WriteFile(filepath.Join(folder, p.file), p.svg, 0o644); err != nil {
			return fmt.Errorf("cannot keep a picture: %w", err)
		}
	}
	return nil
}
