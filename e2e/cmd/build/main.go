// Command build builds the programs that a playground runs, and says so while
// it takes minutes. Tests and the demo do the same by themselves; this is for
// doing it beforehand, where it is seen.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spillway-io/spillway/e2e/binaries"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if _, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		return 1
	}
	if os.Geteuid() != 0 {
		return 0 // containers run as root only
	}
	if _, err := binaries.Containers(ctx, binaries.Options{Out: os.Stderr}); err != nil {
		// The stories that need them say the same where it is seen, and are left out.
		fmt.Fprintln(os.Stderr, "build:", err)
	}
	return 0
}
