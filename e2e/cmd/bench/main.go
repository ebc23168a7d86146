// Command bench measures the virtual node: pods created upstream until they are
// Running there, and deleted until they are gone, beside a bare client that does the
// same to the same pods downstream, in turns. It prints tables, what each process
// used, and
//
//	RATIO <name> <value> <limit>
//
// for each figure that has a limit, for each number of pods.
//
//	provider-throughput-<pods>        pods/s until Running, of the bare client's; at least
//	provider-delete-<pods>            pods/s until gone, of the bare client's; at least
//	provider-cpu-ms-per-pod-<pods>    CPU of the virtual node from create to Running; at most
//	provider-rss-kib-per-pod-<pods>   its memory beyond 60 MiB when all pods run, of 1,000 or more; at most
//
// # Cores
//
// Clusters have machines of their own. Here, one core is the downstream cluster's: all
// of its processes run there and nobody else's, in the turns of the bare client as in
// those of the virtual node. The upstream cluster, the virtual node and the client
// that creates the pods share another one. So the downstream cluster has the same to
// work with in both turns, and what is missing to its rate was lost on the way through
// the virtual node. With -shared, the same is measured once more with everything on
// all cores, where rates follow from the CPU time of all processes together; that is
// in the tables, without a limit. A machine that cannot do the former gets the latter,
// and is told so.
//
// With -floor there is a third turn: a loop in the place of the virtual node that asks
// for no more than anybody must, see floor.go. It runs in this process.
//
// The pods of all these name their node, so that they measure the virtual node and
// nothing else. How the way through webhook and scheduler compares is in the table.
// Each number of pods has clusters of its own, and a new virtual node.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spillway-io/spillway/e2e/rig"
)

const (
	virtualNode    = "spillway-bench"
	upstreamSide   = "upstream"
	downstreamSide = "downstream"
	nodeProcess    = "virtual node"
	startTimeout   = 2 * time.Minute
	// profiled is how long a CPU profile is.
	profiled = 5 * time.Second
	// enough is how many pods are measured in all rounds with so many at a time, unless
	// there would be fewer or more rounds than these: seconds are noisier than minutes.
	enough, leastRounds, mostRounds = 7000, 3, 7
	// shortPods is how many pods there are if it has to be quick.
	shortPods = 200
)

// options are those of one run.
type options struct {
	pods     []int
	rounds   int
	workers  int
	whole    bool
	shared   bool
	floor    bool
	spillway string
	profiles string
	json     string
	timeout  time.Duration
}

func main() {
	var o options
	flag.Func("pods", "how many pods are created each time, with commas between several numbers (default 1000)", o.takePods)
	flag.IntVar(&o.rounds, "rounds", 0, fmt.Sprintf("how many times the bare client and the virtual node take turns; 0: until %d pods are measured, %d to %d", enough, leastRounds, mostRounds))
	flag.IntVar(&o.workers, "pod-workers", 0, "how many pods the virtual node works on at a time; 0: as many as by default")
	flag.BoolVar(&o.whole, "whole", true, "measure the way through webhook and scheduler, too")
	flag.BoolVar(&o.shared, "shared", false, "measure once more with all clusters on all cores")
	flag.BoolVar(&o.floor, "floor", false, "measure a loop that does no more than anybody must, too")
	flag.StringVar(&o.spillway, "spillway", "", "the spillway to measure; empty: it is built")
	flag.StringVar(&o.profiles, "profiles", "", "folder for profiles of the virtual node in the first round; empty: none")
	flag.StringVar(&o.json, "json", "", "file that receives the results; empty: none")
	flag.DurationVar(&o.timeout, "timeout", 30*time.Minute, "how long each number of pods may take")
	short := flag.Bool("short", false, fmt.Sprintf("%d pods, one round, and nothing else that can be left out", shortPods))
	flag.Parse()
	if *short {
		o.pods, o.rounds, o.whole = []int{shortPods}, 1, false
	}
	if len(o.pods) == 0 {
		o.pods = []int{1000}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop only restores signal handling, which ends here anyway.
	}
}

// turns is how many rounds there are with so many pods.
func (o options) turns(pods int) int {
	if o.rounds > 0 {
		return o.rounds
	}
	return min(max(enough/pods, leastRounds), mostRounds)
}

func (o *options) takePods(list string) error {
	o.pods = nil
	for number := range strings.SplitSeq(list, ",") {
		pods, err := strconv.Atoi(number)
		if err != nil || pods < 1 {
			return fmt.Errorf("%q is no number of pods", number)
		}
		o.pods = append(o.pods, pods)
	}
	return nil
}

func run(ctx context.Context, out io.Writer, o options) error {
	cores := ownCores()
	arrangements := []arrangement{cores}
	if o.shared && cores.own() {
		arrangements = append(arrangements, arrangement{})
	}
	all := map[bool][]measured{}
	for _, pods := range o.pods {
		for _, a := range arrangements {
			m, err := a.measure(ctx, o, pods)
			if err != nil {
				return fmt.Errorf("%d pods, %s: %w", pods, a, err)
			}
			all[a == cores] = append(all[a == cores], m)
		}
	}
	r := report(all[true], all[false])
	return errors.Join(r.Print(out), r.Write(o.json))
}

// measured are the results of all rounds with so many pods.
type measured struct {
	arrangement
	pods                      int
	bare, bound, floor, whole []result
}

// measure has clusters of its own.
func (a arrangement) measure(ctx context.Context, o options, pods int) (m measured, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if err := a.settle(); err != nil {
		return m, err
	}
	r, err := rig.New("bench")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, r.Clear(ctx)) }()
	profiles, err := newProfiler(ctx, o.profiles)
	if err != nil {
		return m, err
	}
	s, err := start(ctx, r, a, o, profiles.arguments()...)
	if err != nil {
		return m, err
	}
	m = measured{arrangement: a, pods: pods}
	return m, s.measure(ctx, o, &m, profiles)
}

func (s *stage) measure(ctx context.Context, o options, m *measured, profiles *profiler) error {
	upstream, err := s.upstream.ProtobufClient()
	if err != nil {
		return err
	}
	downstream, err := s.downstream.ProtobufClient()
	if err != nil {
		return err
	}
	base := load{client: upstream, pods: m.pods, processes: s.processes(), counters: counters{upstreamSide: upstream, downstreamSide: downstream}}
	bare, bound, whole := base, base, base
	bare.client, bound.node, whole.labels = downstream, virtualNode, map[string]string{"virtual-pod": "true"}
	for i := range o.turns(m.pods) {
		bound.profiles = nil
		if i == 0 {
			bound.profiles = profiles
		}
		err := errors.Join(add(ctx, &m.bare, bare, fmt.Sprintf("bare-%d", i)), add(ctx, &m.bound, bound, fmt.Sprintf("bound-%d", i)))
		if err == nil && o.floor {
			err = s.measureFloor(ctx, m, bound, fmt.Sprintf("floor-%d", i))
		}
		if err != nil {
			return err
		}
	}
	if o.whole {
		return add(ctx, &m.whole, whole, "whole")
	}
	return nil
}

func add(ctx context.Context, results *[]result, l load, name string) error {
	l.namespace = name
	r, err := measure(ctx, l)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(os.Stderr, "%d pods, %s: all ran after %.0f s\n", l.pods, name, r.allRunning.Seconds())
	*results = append(*results, r)
	return nil
}
