// Package prometheus runs a Prometheus of the distribution's, as a process of its
// own on loopback, that scrapes Spillway's processes and judges the chart's alerts,
// and asks it.
//
// It refuses to be the machine's: the programs are unpacked and never installed (package
// binaries), the files are below a folder that the caller gives, and the server ends
// with whoever started it.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	apiv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

// Interval is how often targets are scraped and alerts judged: a hundredth of what
// installations do, so that seconds show what takes minutes there.
const Interval = time.Second

// politely is how long a server may take to end.
const politely = 20 * time.Second

// Target is a process that is scraped.
type Target struct {
	// Job is the job it belongs to.
	Job string
	// URL is the base URL of its metrics.
	URL string
	// Labels are what an operator would add beside the job: pod, namespace, and
	// virtual_node.
	Labels map[string]string
}

// Options describe a server. All must be set but Rules.
type Options struct {
	// Binaries are the programs.
	Binaries binaries.PrometheusPaths
	// Dir receives a folder "prometheus" with configuration, data and log.
	Dir string
	// Targets are scraped every Interval.
	Targets []Target
	// Rules is a rule file; empty is none.
	Rules []byte
}

// Server is a running Prometheus.
type Server struct {
	*playground.Process
	api   apiv1.API
	ports playground.Ports
}

// Start starts a server and waits until it has scraped every target. It outlives
// ctx: Close must be called.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start Prometheus: %w", err), s.Close(ctx))
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options) error {
	dir := filepath.Join(o.Dir, "prometheus")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config, err := configure(dir, o)
	if err != nil {
		return err
	}
	address, err := s.ports.TakeAddress()
	if err != nil {
		return err
	}
	client, err := api.NewClient(api.Config{Address: "http://" + address})
	if err != nil {
		return err
	}
	s.api = apiv1.NewAPI(client)
	s.Process, err = playground.StartProcess("prometheus", dir, o.Binaries.Prometheus,
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	if err != nil {
		return err
	}
	return s.waitScraped(ctx, len(o.Targets))
}

// configure writes the configuration, and the rules beside it.
func configure(dir string, o Options) (path string, err error) {
	type static struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	type job struct {
		Name    string   `json:"job_name"`
		Statics []static `json:"static_configs"`
	}
	var jobs []job
	for _, target := range o.Targets {
		base, err := url.Parse(target.URL)
		if err != nil {
			return "", fmt.Errorf("cannot scrape %q: %w", target.URL, err)
		}
		if len(jobs) == 0 || jobs[len(jobs)-1].Name != target.Job {
			jobs = append(jobs, job{Name: target.Job})
		}
		last := &jobs[len(jobs)-1]
		last.Statics = append(last.Statics, static{[]string{base.Host}, target.Labels})
	}
	config := map[string]any{
		"global":         map[string]string{"scrape_interval": Interval.String(), "evaluation_interval": Interval.String()},
		"scrape_configs": jobs,
	}
	if len(o.Rules) > 0 {
		rules := filepath.Join(dir, "rules.yaml")
		if err := os.WriteFile(rules, o.Rules, 0o600); err != nil {
			return "", err
		}
		config["rule_files"] = []string{rules}
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "prometheus.yaml")
	return path, os.WriteFile(path, text, 0o600)
}

func (s *Server) waitScraped(ctx context.Context, targets int) error {
	return playground.Eventually(ctx, "Prometheus scrapes everything", func(ctx context.Context) error {
		if !s.Running() {
			log, err := os.ReadFile(s.LogFile())
			return errors.Join(fmt.Errorf("it has ended: %s", log), err)
		}
		vector, err := s.Now(ctx, "up == 1")
		if err == nil && len(vector) != targets {
			err = fmt.Errorf("%d of %d answer", len(vector), targets)
		}
		return err
	})
}

// Close ends the server.
func (s *Server) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), politely)
	defer cancel()
	var err error
	if s.Process != nil {
		err = s.Stop(ctx)
	}
	return errors.Join(err, s.ports.Release())
}

// Now returns what a query answers at this moment.
func (s *Server) Now(ctx context.Context, query string) (model.Vector, error) {
	value, _, err := s.api.Query(ctx, query, time.Now())
	if err != nil {
		return nil, fmt.Errorf("cannot ask for %q: %w", query, err)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("%q is answered by a %s", query, value.Type())
	}
	return vector, nil
}

// Over returns what a query answered from one moment to another, in steps.
func (s *Server) Over(ctx context.Context, query string, from, to time.Time, step time.Duration) (model.Matrix, error) {
	value, _, err := s.api.QueryRange(ctx, query, apiv1.Range{Start: from, End: to, Step: step})
	if err != nil {
		return nil, fmt.Errorf("cannot ask for %q: %w", query, err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("%q is answered by a %s", query, value.Type())
	}
	return matrix, nil
}

// Alerts returns the alerts as the server has them, with whether it could judge them.
func (s *Server) Alerts(ctx context.Context) ([]apiv1.AlertingRule, error) {
	rules, err := s.api.Rules(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot ask for the rules: %w", err)
	}
	var alerts []apiv1.AlertingRule
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if alert, ok := rule.(apiv1.AlertingRule); ok {
				alerts = append(alerts, alert)
			}
		}
	}
	return alerts, nil
}

// Check has promtool read a rule file.
func Check(ctx context.Context, paths binaries.PrometheusPaths, rules string) error {
	output, err := exec.CommandContext(ctx, paths.Promtool, "check", "rules", rules).CombinedOutput()
	if err != nil {
		return fmt.Errorf("promtool does not accept %s: %w\n%s", rules, err, strings.TrimSpace(string(output)))
	}
	return nil
}
