package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spillway-io/spillway/charts"
	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/leftout"
	"github.com/spillway-io/spillway/e2e/monitoring/prometheus"
	"github.com/spillway-io/spillway/e2e/monitoring/scene"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	startTimeout = 3 * time.Minute
	playTimeout  = 3 * time.Minute

	// beat is how long a beat of the scene is.
	beat = 750 * time.Millisecond
	// rates is the range of rates: several scrapes.
	rates = 5 * time.Second

	// certificate fires all the time: certificates of the playground are valid for the
	// week from which on it does.
	certificate = "SpillwayCertificateExpires"
)

// watched is what the tests share.
type watched struct {
	stage      *scene.Stage
	binaries   binaries.PrometheusPaths
	prometheus *prometheus.Server
	// began, calm and over are when the scene began, when its quiet part was over, and all
	// of it.
	began, calm, over time.Time
}

// shared is set by TestMain and only read afterwards.
var shared watched //nolint:gochecknoglobals // TestMain has no other way to hand the clusters to the tests.

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	if leftout.Listing() {
		return m.Run()
	}
	var err error
	if shared.binaries, err = binaries.Prometheus(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
		return leftout.Tell("e2e/monitoring/live", "That alerts and the dashboard ask for metrics that there are was checked without it.", err)
	}
	dir, err := os.MkdirTemp("", "spillway-monitoring-")
	if err != nil {
		return leftout.Fail("set the stage", err)
	}
	stop, err := shared.set(dir)
	defer func() {
		if err := errors.Join(stop(context.Background()), os.RemoveAll(dir)); err != nil {
			code = leftout.Fail("clear the stage", err)
		}
	}()
	if err != nil {
		return leftout.Fail("set the stage, and play", err)
	}
	return m.Run()
}

// set starts everything and plays the scene; stop must be called even after an error.
func (w *watched) set(dir string) (stop func(context.Context) error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	w.stage, err = scene.Start(ctx, dir, os.Stderr)
	stop = w.stage.Stop
	if err != nil {
		return stop, err
	}
	rules, err := charts.Spillway.ReadFile("spillway/files/monitoring/rules.yaml")
	if err != nil {
		return stop, err
	}
	w.prometheus, err = prometheus.Start(ctx, prometheus.Options{
		Binaries: w.binaries, Dir: dir, Targets: w.stage.Targets(), Rules: []byte(impatient(string(rules))),
	})
	if err != nil {
		return stop, err
	}
	stop = func(ctx context.Context) error { return errors.Join(w.prometheus.Close(ctx), w.stage.Stop(ctx)) }
	// Before the first scrape nothing is up, and impatient alerts say so.
	err = playground.Eventually(ctx, "nothing fires", func(ctx context.Context) error {
		alerts, err := w.prometheus.Now(ctx, `ALERTS{alertname!="`+certificate+`"}`)
		if err == nil && len(alerts) > 0 {
			err = fmt.Errorf("there is %s", alerts)
		}
		return err
	})
	if err != nil {
		return stop, err
	}
	return stop, w.play()
}

func (w *watched) play() error {
	ctx, cancel := context.WithTimeout(context.Background(), playTimeout)
	defer cancel()
	silent := func(string) {}
	w.began = time.Now()
	if err := w.stage.Play(ctx, w.stage.Quiet(), beat, silent); err != nil {
		return err
	}
	w.calm = time.Now()
	if err := w.stage.Play(ctx, w.stage.Loud(), beat, silent); err != nil {
		return err
	}
	w.over = time.Now()
	return nil
}

// impatient are alerts that fire as soon as what they ask for has been so for a
// second: nobody waits for minutes here.
func impatient(rules string) string {
	var lines []string
	for line := range strings.Lines(rules) {
		if indent, _, waits := strings.Cut(line, "for: "); waits && strings.TrimSpace(indent) == "" {
			line = indent + "for: 1s\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}
