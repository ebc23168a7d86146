// Package leftout tells which tests of a package could not run on this machine, and
// why. `go test` keeps what a package that does not fail prints to itself, so it is
// also left in .cache/left-out, which `make e2e` prints at its end.
//
// It refuses to decide what can run: a package asks for what it needs, and comes
// here with the refusal.
package leftout

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
)

// None is what Tell says of a package, for whoever reads the output of go test.
const None = "none of these tests could run here"

// listTimeout bounds the listing of a package's tests, which runs none of them.
const listTimeout = 30 * time.Second

// Listing says whether the tests are asked for by name only, as Tell does. TestMain
// then calls m.Run before anything else.
func Listing() bool {
	flag.Parse()
	return flag.Lookup("test.list").Value.String() != ""
}

// Tell says that no test of the package, whose path below the module this is, could
// run, with all their names, and what there was instead, a sentence or nothing. It
// returns an exit code: 0, since that is no failure, unless it could not be told.
func Tell(pkg, instead string, reason error) int {
	names, err := list()
	if err != nil {
		return Fail("list the tests that are left out", err)
	}
	note := fmt.Sprintf("%s: "+None+": %s.\n%v\n", pkg, strings.Join(names, ", "), reason)
	if instead != "" {
		note += instead + "\n"
	}
	_, _ = fmt.Fprint(os.Stderr, note)
	root, err := binaries.Root()
	if err != nil {
		return Fail("leave a note", err)
	}
	dir := filepath.Join(root, ".cache", "left-out")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, filepath.Base(pkg)), []byte(note), 0o600)); err != nil {
		return Fail("leave a note", err)
	}
	return 0
}

// Fail says what could not be done and returns the exit code of a failure.
func Fail(what string, err error) int {
	_, _ = fmt.Fprintf(os.Stderr, "cannot %s: %v\n", what, err)
	return 1
}

func list() ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, os.Args[0], "-test.list=^Test").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot run the tests' program: %w", err)
	}
	return strings.Fields(string(out)), nil
}
