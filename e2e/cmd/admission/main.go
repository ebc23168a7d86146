// Command admission measures what an admission costs the webhook, beside what it
// costs servers that do nothing: one that reads no more than the request's uid (the
// floor of HTTP and TLS), and one that decodes the request and the pod by
// controller-runtime and allows it. All of them answer the same requests in turns, so
// that what else the machine does disturbs all alike; what counts are the ratios.
//
// For each scenario it prints CPU seconds of the server per 1,000 admissions, the
// latency, the memory and the patch, and for those with a limit one line
//
//	RATIO <name> <value> <limit>
//
// It refuses to judge: a value above its limit is printed, and is no error.
package main

import (
	"context"
	"flag"
	"os"

	"github.com/spillway-io/spillway/e2e/admissions"
)

func main() {
	var o options
	flag.IntVar(&o.admissions, "admissions", 1000, "how many admissions each server answers in each round")
	flag.IntVar(&o.rounds, "rounds", 5, "how many rounds there are of each scenario")
	flag.StringVar(&o.spillway, "spillway", "", "the spillway to measure; empty: it is built")
	flag.StringVar(&o.profiles, "profiles", "", "folder that receives a CPU profile of each scenario; empty: none")
	flag.StringVar(&o.only, "only", "", "names of the only scenarios to measure, with commas between them; empty: all")
	flag.StringVar(&o.json, "json", "", "file that receives the report for those who draw it; empty: none")
	short := flag.Bool("short", false, "all scenarios with fewer admissions: enough to notice that something is broken")
	os.Exit(admissions.Main("admission", func(ctx context.Context) error {
		if *short {
			o.admissions, o.rounds = 400, 2
		}
		return run(ctx, os.Stdout, o)
	}))
}
