// Command spillway is every part of Spillway in one binary: the admission
// webhook, the virtual node, and the offline commands that run the same
// decisions on files.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"
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
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: displayName(os.Args[0])},
	}
	root.AddCommand(
		newWebhookCommand(),
		newNodeCommand(),
		newInjectCommand(),
		newRecoverCommand(),
		newInventoryCommand(),
		newExplainCommand(),
		newDoctorCommand(),
		newDrainCommand(),
		newRemainsCommand(),
		newVersionCommand(),
	)
	return root
}

// displayName is what the user calls this: kubectl runs the program kubectl-spillway
// for "kubectl spillway".
func displayName(program string) string {
	if strings.HasPrefix(filepath.Base(program), "kubectl-spillway") {
		return "kubectl spillway"
	}
	return "spillway"
}

// setUpLogging sends the logs of this process and of the libraries in it to
// stderr, one JSON object a line.
func setUpLogging(verbosity int) logr.Logger {
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.Level(-verbosity)})
	log := logr.FromSlogHandler(handler)
	ctrllog.SetLogger(log)
	klog.SetLogger(log)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Error(err, "Traces not delivered") }))
	return log
}
