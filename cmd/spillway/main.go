// Command spillway is every part of Spillway in one binary: the admission
// webhook, the virtual node, and the offline commands that run the same
// decisions on files.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run returns the exit code: 0 for success, and otherwise what the failed
// command documents, 1 unless it says more.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	root.PrintErrln("spillway:", err)
	return exitCode(err)
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "spillway",
		Short:         "Let a Kubernetes cluster overflow into other clusters",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		newWebhookCommand(),
		newNodeCommand(),
		newInjectCommand(),
		newRecoverCommand(),
		newDoctorCommand(),
		newRemainsCommand(),
		newVersionCommand(),
	)
	return root
}

// setUpLogging sends the logs of this process and of the libraries in it to
// stderr, one JSON object a line.
func setUpLogging(verbosity int) logr.Logger {
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.Level(-verbosity)})
	log := logr.FromSlogHandler(handler)
	ctrllog.SetLogger(log)
	klog.SetLogger(log)
	return log
}
