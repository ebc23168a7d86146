// Command creates measures creates of pods through an API server: without a webhook,
// with a null webhook that decodes and allows, with one that answers with a patch as
// Spillway computed it (the floor of any webhook that says as much), and with
// Spillway. The cases take turns on one control plane, so that what else the machine
// does disturbs all alike; what counts are ratios of one round.
//
//	creates-S5   pods/s with a WorkloadSpread and a SidecarSet, of those with the null
//	             webhook; at least
//	burst-p99    latency of 200 creates in one moment into a WorkloadSpread whose first
//	             subset has room for 50, in p99s of the null webhook's; at most
//
// It refuses to judge the ratios. That a burst was not counted exactly is an error.
package main

import (
	"context"
	"flag"
	"os"

	"github.com/spillway-io/spillway/e2e/admissions"
)

// options are those of one run.
type options struct {
	pods, rounds, bursts int
	// apart gives the cluster a core of its own.
	apart bool
	// spillway is the program to measure.
	spillway       string
	json, profiles string
}

func main() {
	var o options
	flag.IntVar(&o.pods, "pods", 1000, "how many pods are created in each turn")
	flag.IntVar(&o.rounds, "rounds", 5, "how many turns each case has")
	flag.IntVar(&o.bursts, "bursts", 5, "how many bursts each of both webhooks has")
	short := flag.Bool("short", false, "measure less, within a minute")
	flag.BoolVar(&o.apart, "apart", false, "give API server and etcd one core, and webhooks and the client another, as if they had machines of their own")
	flag.StringVar(&o.spillway, "spillway", "", "the spillway to measure; empty: it is built")
	flag.StringVar(&o.json, "json", "", "file that receives the report; empty: none")
	flag.StringVar(&o.profiles, "profiles", "", "folder that receives CPU profiles of API server and webhook, of a turn of each case that is not counted; empty: none")
	os.Exit(admissions.Main("creates", func(ctx context.Context) error {
		if *short {
			o.pods, o.rounds, o.bursts = 250, 2, 2
		}
		return run(ctx, os.Stdout, o)
	}))
}
