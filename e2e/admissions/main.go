package admissions

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main is what a command with null webhooks does when it has declared its flags: it
// parses them and runs, or is one of the null webhooks, if Null.Start has started it. It
// returns the code to exit with.
func Main(name string, run func(context.Context) error) (code int) {
	var null Null
	null.flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if null.Kind != "" {
		run = null.serve
	}
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}
