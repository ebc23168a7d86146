package playground

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
)

// TestMain builds the components before any test's clock runs: the first time
// that takes minutes.
func TestMain(m *testing.M) {
	if dir := os.Getenv(orphanDir); dir != "" {
		os.Exit(orphanMaker(dir))
	}
	if _, err := binaries.Components(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// options are those of a cluster in the test's own folder.
func options(t *testing.T, name string) Options {
	t.Helper()
	paths, err := binaries.Components(t.Context(), binaries.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Name: name, Dir: t.TempDir(), Binaries: paths}
}

// deadline ends what a test waits for before the test itself is ended.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
