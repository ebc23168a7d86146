// Command dashboard draws the pictures of the dashboard in docs/pictures: it plays a
// short day of an installation (package scene), has a Prometheus watch it, asks that for
// what each panel asks for, and draws the panels that the chart installs. The figures are
// real, of a machine on which seconds stand for minutes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spillway-io/spillway/charts"
	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/monitoring"
	"github.com/spillway-io/spillway/e2e/monitoring/picture"
	"github.com/spillway-io/spillway/e2e/monitoring/prometheus"
	"github.com/spillway-io/spillway/e2e/monitoring/scene"
)

// rates is what rates are computed over.
const rates = 10 * time.Second

func main() {
	out := flag.String("out", filepath.Join("docs", "pictures"), "folder of the pictures")
	beat := flag.Duration("beat", 6*time.Second, "how long a beat of the day is; it has about 40")
	timeout := flag.Duration("timeout", 30*time.Minute, "how long all of it may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if err := run(ctx, os.Stdout, *out, *beat); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1) //nolint:gocritic // What is deferred only ends with the process.
	}
}

func run(ctx context.Context, out io.Writer, folder string, beat time.Duration) (err error) {
	file, err := charts.Spillway.ReadFile("spillway/files/dashboards/spillway.json")
	if err != nil {
		return err
	}
	dashboard, err := monitoring.ReadDashboard(file)
	if err != nil {
		return err
	}
	paths, err := binaries.Prometheus(ctx, binaries.Options{Out: out})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "spillway-dashboard-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the clusters: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stage, err := scene.Start(ctx, dir, out)
	defer func() { err = errors.Join(err, stage.Stop(ctx)) }()
	if err != nil {
		return err
	}
	server, err := prometheus.Start(ctx, prometheus.Options{Binaries: paths, Dir: dir, Targets: stage.Targets()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close(ctx)) }()

	span := picture.Span{From: time.Now(), Rates: rates}
	err = stage.Play(ctx, slices.Concat(stage.Quiet(), stage.Loud()), beat, func(act string) {
		_, _ = fmt.Fprintf(out, "%5.0f s  %s\n", time.Since(span.From).Seconds(), act)
	})
	if err != nil {
		return err
	}
	span.To = time.Now()
	return draw(ctx, out, server, dashboard, span, folder)
}

func draw(ctx context.Context, out io.Writer, server *prometheus.Server, dashboard monitoring.Dashboard, span picture.Span, folder string) error {
	for _, panel := range dashboard.Panels {
		if panel.Type == "row" {
			continue
		}
		svg, series, err := picture.Of(ctx, server, panel, span)
		if err != nil {
			return err
		}
		path := filepath.Join(folder, panel.Picture())
		if err := os.WriteFile(path, svg, 0o644); err != nil {
			return fmt.Errorf("cannot keep the picture: %w", err)
		}
		_, _ = fmt.Fprintf(out, "%s: %d series, %d kB\n", path, series, len(svg)/1000)
	}
	return nil
}
