// Command image writes the image of programs that `make image` has built, as an
// archive, and an SBOM for each of them beside it. It prints their names and the
// image's digest.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/release"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	name := flags.String("name", "spillway", "what the image is called, without a tag")
	version := flags.String("version", "", "the version of the programs, and the tag of the image")
	dir := flags.String("out", ".", "the folder to write to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version == "" {
		return errors.New("-version must be given")
	}
	// A version may have a plus in it, a tag may not.
	o := release.Options{Name: *name + ":" + strings.ReplaceAll(*version, "+", "-"), Version: *version}
	if at := os.Getenv("SOURCE_DATE_EPOCH"); at != "" {
		seconds, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return fmt.Errorf("cannot read SOURCE_DATE_EPOCH: %w", err)
		}
		o.Created = time.Unix(seconds, 0).UTC()
	}
	written, err := release.WriteFiles(*dir, o, flags.Args()...)
	if err != nil {
		return err
	}
	for _, path := range append([]string{written.Archive}, written.SBOMs...) {
		_, _ = fmt.Fprintln(out, filepath.Clean(path))
	}
	_, err = fmt.Fprintln(out, written.Name, written.Digest)
	return err
}
