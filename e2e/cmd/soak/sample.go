package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/soak"
)

const (
	sampleEvery = 2 * time.Second
	tellEvery   = 30 * time.Second
	mib         = 1 << 20
)

// figure names what is sampled.
type figure string

const (
	goroutines  figure = "goroutines"
	connections figure = "connections" // sockets that are open
	files       figure = "open files"
	heap        figure = "live heap" // bytes that the last garbage collection found in use
	resident    figure = "rss"       // bytes
	series      figure = "metric series"
	queued      figure = "queued" // objects that wait to be worked on
	slots       figure = "slots held"
	revisions   figure = "revisions"
	// policies is whose figures the last two are: what there is in objects.
	policies = "policies"
)

// sampler samples all processes while a load goes on.
type sampler struct {
	*stage
	out   io.Writer
	o     options
	began time.Time
	world *world

	// figures are by process.
	figures map[string]map[figure][]soak.Point
	// warm and last are what all processes had used, and what had happened, at the end
	// of the warm-up and of the load.
	warm, last mark
	// told is how many violations have been told.
	told int
}

// mark is a moment.
type mark struct {
	at     time.Duration
	used   map[string]playground.Usage
	totals soak.Totals
}

func (s *stage) newSampler(out io.Writer, o options, began time.Time, w *world) *sampler {
	return &sampler{stage: s, out: out, o: o, began: began, world: w, figures: map[string]map[figure][]soak.Point{}}
}

// during samples while l runs, for as long as was asked for.
func (s *sampler) during(ctx context.Context, l *load) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, inGroup := errgroup.WithContext(ctx)
	group.Go(func() error { return l.runs(inGroup) })
	group.Go(func() error {
		defer cancel()
		return s.samples(inGroup, l)
	})
	return group.Wait()
}

// samples goes on until the time is over, or ctx ends because the load did: it says why.
func (s *sampler) samples(ctx context.Context, l *load) error {
	var told mark
	for at := time.Since(s.began); at < s.o.duration; at = time.Since(s.began) {
		if err := s.turn(ctx, l, at, &told); err != nil {
			return withoutEnd(ctx, err)
		}
		if !pause(ctx, sampleEvery) {
			return nil
		}
	}
	return withoutEnd(ctx, errors.Join(s.marks(&s.last), s.profile(ctx, "end")))
}

// withoutEnd is err, unless it may be that ctx ended.
func withoutEnd(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// turn is one sample, and what else is due.
func (s *sampler) turn(ctx context.Context, l *load, at time.Duration, told *mark) error {
	err := s.sample(ctx, l, at)
	if err == nil && s.warm.used == nil && at >= s.o.warmUp() {
		err = errors.Join(s.marks(&s.warm), s.profile(ctx, "warm"))
	}
	if err == nil && at >= told.at+tellEvery {
		err = s.tells(told)
	}
	return err
}

func (s *sampler) marks(m *mark) error {
	m.at, m.used, m.totals = time.Since(s.began), map[string]playground.Usage{}, s.world.totals()
	for name, process := range s.machines() {
		var err error
		if m.used[name], err = process.Usage(); err != nil {
			return err
		}
	}
	self, err := procfs.Self()
	if err != nil {
		return fmt.Errorf("cannot find this process: %w", err)
	}
	stat, err := self.Stat()
	if err != nil {
		return fmt.Errorf("cannot measure this process: %w", err)
	}
	m.used["this command"] = playground.Usage{CPU: time.Duration(stat.CPUTime() * float64(time.Second)), Resident: uint64(stat.ResidentMemory())}
	return nil
}

// sample takes one sample of everything.
func (s *sampler) sample(ctx context.Context, l *load, at time.Duration) error {
	for _, t := range s.targets {
		sample, err := t.sample(ctx)
		if err != nil {
			return err
		}
		s.keeps(t.name, sample, at)
	}
	sample, err := l.kept(ctx)
	if err != nil {
		return err
	}
	s.keeps(policies, sample, at)
	return nil
}

func (s *sampler) keeps(of string, sample map[figure]float64, at time.Duration) {
	if s.figures[of] == nil {
		s.figures[of] = map[figure][]soak.Point{}
	}
	for what, value := range sample {
		s.figures[of][what] = append(s.figures[of][what], soak.Point{At: at, Value: value})
	}
}

func (t target) sample(ctx context.Context) (map[figure]float64, error) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	text, err := playground.Read(asking, t.metrics+"/metrics")
	if err != nil {
		return nil, err
	}
	sample := scrape(text)
	usage, err := t.process.Usage()
	if err != nil {
		return nil, err
	}
	sample[resident] = float64(usage.Resident)
	process, err := procfs.NewProc(t.process.PID())
	if err != nil {
		return nil, fmt.Errorf("cannot find process %s: %w", t.name, err)
	}
	targets, err := process.FileDescriptorTargets()
	if err != nil {
		return nil, fmt.Errorf("cannot read the open files of %s: %w", t.name, err)
	}
	sample[files] = float64(len(targets))
	for _, open := range targets {
		if strings.HasPrefix(open, "socket:") {
			sample[connections]++
		}
	}
	return sample, nil
}

// scrape reads what is wanted of metrics in the text form of Prometheus.
func scrape(text string) map[figure]float64 {
	sample := map[figure]float64{queued: 0}
	for line := range strings.Lines(text) {
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		sample[series]++
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			continue // a metric that is no number is nobody's figure here
		}
		switch name, _, _ := strings.Cut(line[:at], "{"); name {
		case "go_goroutines":
			sample[goroutines] = value
		case "go_gc_heap_live_bytes":
			sample[heap] = value
		case "workqueue_depth":
			sample[queued] += value
		}
	}
	return sample
}

// kept is what Spillway keeps in objects about what was.
func (l *load) kept(ctx context.Context) (map[figure]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	all, err := l.upstream.dynamic.Resource(spreads()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot list the WorkloadSpreads: %w", err)
	}
	sample := map[figure]float64{slots: 0}
	for _, ws := range all.Items {
		sample[slots] += float64(count(ws.Object["status"], "creatingPods") + count(ws.Object["status"], "deletingPods"))
	}
	sets, err := l.upstream.AppsV1().ControllerRevisions(metav1.NamespaceAll).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, fmt.Errorf("cannot list the revisions: %w", err)
	}
	sample[revisions] = float64(len(sets.Items))
	return sample, nil
}

// count is how many entries all objects of that name have, at any depth.
func count(in any, name string) (n int) {
	switch in := in.(type) {
	case map[string]any:
		for key, value := range in {
			if entries, is := value.(map[string]any); is && key == name {
				n += len(entries)
				continue
			}
			n += count(value, name)
		}
	case []any:
		for _, value := range in {
			n += count(value, name)
		}
	}
	return n
}

// profile keeps what each process has allocated and does, if that was asked for.
func (s *sampler) profile(ctx context.Context, when string) error {
	if s.o.profiles == "" {
		return nil
	}
	if err := os.MkdirAll(s.o.profiles, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of profiles: %w", err)
	}
	for _, t := range s.targets {
		for _, kind := range []string{"heap?gc=1", "goroutine?debug=1"} {
			name, _, _ := strings.Cut(kind, "?")
			file := filepath.Join(s.o.profiles, fmt.Sprintf("%s-%s-%s", strings.ReplaceAll(t.name, " ", "-"), name, when))
			asking, cancel := context.WithTimeout(ctx, askTimeout)
			err := playground.KeepProfile(asking, "http://"+t.profiles, kind, file)
			cancel()
			if err != nil {
				return err
			}
		}
	}
	return nil
}
