// Command growth measures whether cost grows no faster than what causes it:
//
//	pods             the webhook, for pods of one workload under a capped WorkloadSpread
//	sidecarsets      the webhook, for 1,000 pods among SidecarSets of which one selects them
//	workloadspreads  the same among WorkloadSpreads of which one targets their workload
//	node             the virtual node, for pods from create to Running
//
// Each size has a cluster and a process of its own. It is measured when a few pods have
// warmed it up, until it does nothing any more, and what it computes while nothing
// happens is taken off. The sizes take turns, and of each the median of three counts. For
// each step to a larger size there is a line
//
//	RATIO growth-<what>-<size> <cost of this size / of the one before / (size / size before)> 1.15
//
// where the cost of policies is that of an admission. It refuses to judge.
//
//	stage.go     clusters, and who is measured
//	cost.go      what a process computes for a load
//	pods.go      pods, created and running
//	webhook.go   the first three
//	node.go      the fourth
//	report.go    tables, ratios and curves
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spillway-io/spillway/e2e/ratio"
	"github.com/spillway-io/spillway/e2e/rig"
)

// options are those of one run.
type options struct {
	// only are the kinds that are measured, none are all.
	only           []string
	pods, policies []int
	spillway       string
	profiles       string
	timeout        time.Duration
	// rounds is how often each size is measured: a second of CPU is as much the machine's as
	// the process's.
	rounds int
}

func main() {
	o := options{pods: []int{500, 2000, 8000}, policies: []int{10, 100, 1000}}
	flag.Func("only", "kinds to measure, with commas between them: pods, sidecarsets, workloadspreads, node (default all)", func(text string) error {
		o.only = strings.Split(text, ",")
		return nil
	})
	flag.Func("pods", "numbers of pods (default 500,2000,8000)", sizes(&o.pods))
	flag.Func("policies", "numbers of policies, up to 1000 (default 10,100,1000)", sizes(&o.policies))
	flag.StringVar(&o.spillway, "spillway", "", "the spillway to measure; empty: it is built")
	flag.StringVar(&o.profiles, "profiles", "", "folder that receives a CPU profile of the webhook at each size; empty: none")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each size is measured; the median counts")
	flag.DurationVar(&o.timeout, "timeout", time.Hour, "how long all of it may take")
	file := flag.String("json", "", "file that receives the results; empty: none")
	short := flag.Bool("short", false, "only pods, 250 and 1,000 of them")
	flag.Parse()
	if *short {
		o.pods, o.only, o.rounds = []int{250, 1000}, []string{kindPods}, 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, *file); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1) //nolint:gocritic // stop only restores signal handling, which ends here anyway.
	}
}

// sizes reads numbers that grow.
func sizes(into *[]int) func(string) error {
	return func(text string) error {
		*into = nil
		for word := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			*into = append(*into, n)
		}
		if (*into)[0] < 1 || !slices.IsSorted(*into) {
			return fmt.Errorf("want numbers from 1 that grow, got %s", text)
		}
		return nil
	}
}

// costs measures each size, round by round: a machine that is slower for some minutes is
// so for all sizes.
func (g growing) costs(ctx context.Context, p rig.Programs, o options) ([]cost, error) {
	sizes := g.sizes(o)
	measured := make([][]cost, len(sizes))
	for range o.rounds {
		for i, size := range sizes {
			c, err := g.measure(ctx, p, size, o)
			if err != nil {
				return nil, fmt.Errorf("%s, %d: %w", g.name, size, err)
			}
			fmt.Fprintf(os.Stderr, "%s, %d: %.2f s of CPU in %.0f s, idle %.1f %%, settled after %.0f s\n", g.name, size, c.cpu.Seconds(), c.took.Seconds(), c.idle*100, c.settled.Seconds())
			measured[i] = append(measured[i], c)
		}
	}
	costs := make([]cost, len(sizes))
	for i := range costs {
		costs[i] = median(measured[i])
	}
	return costs, nil
}

func run(ctx context.Context, o options, file string) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	for _, kind := range o.only {
		if !slices.ContainsFunc(kinds(), func(k growing) bool { return k.name == kind }) {
			return fmt.Errorf("there is no kind %q to measure", kind)
		}
	}
	programs, err := rig.Build(ctx, o.spillway)
	if err != nil {
		return err
	}
	report := ratio.New("growth")
	for _, kind := range kinds() {
		if len(o.only) > 0 && !slices.Contains(o.only, kind.name) {
			continue
		}
		costs, err := kind.costs(ctx, programs, o)
		if err != nil {
			return err
		}
		kind.tell(report, costs)
	}
	if err := report.Print(os.Stdout); err != nil {
		return err
	}
	return report.Write(file)
}
