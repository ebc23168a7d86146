package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/e2e/ratio"
)

// leastTold is how many requests for each pod are worth a row.
const leastTold = 0.05

// requests are how many there were, by what was asked of whom.
type requests map[string]float64

// counters are the API servers whose requests are counted, by the names of their sides.
type counters map[string]kubernetes.Interface

// count asks the API servers what they were asked for since they started. Watches are
// left out: they are counted when they end.
func (c counters) count(ctx context.Context) (requests, error) {
	all := requests{}
	for side, client := range c {
		body, err := client.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
		if err != nil {
			return nil, fmt.Errorf("cannot ask the %s API server for its metrics: %w", side, err)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("cannot read the metrics of the %s API server: %w", side, err)
		}
		for _, metric := range families["apiserver_request_total"].GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if labels["verb"] == "WATCH" || labels["resource"] == "" {
				continue
			}
			what := strings.TrimSuffix(labels["resource"]+"/"+labels["subresource"], "/")
			all[side+" "+labels["verb"]+" "+what] += metric.GetCounter().GetValue()
		}
	}
	return all, nil
}

func (r requests) since(before requests) requests {
	news := maps.Clone(r)
	for what, count := range before {
		news[what] -= count
	}
	return news
}

// asked says how many requests a pod costs: rates follow from them.
func (m measured) asked() ratio.Table {
	table := ratio.Table{
		Title:   fmt.Sprintf("Requests per pod, %d pods, %s", m.pods, m.arrangement),
		Columns: []string{"request", "create: bare", "names node", "least", "whole way", "deletion: bare", "names node", "least"},
	}
	created := func(r result) requests { return r.asked }
	ended := func(r result) requests { return r.askedToEnd }
	columns := []struct {
		rounds []result
		of     func(result) requests
	}{{m.bare, created}, {m.bound, created}, {m.floor, created}, {m.whole, created}, {m.bare, ended}, {m.bound, ended}, {m.floor, ended}}
	rows := map[string][]string{}
	for at, column := range columns {
		if len(column.rounds) == 0 {
			continue
		}
		for what := range column.of(column.rounds[0]) {
			perPod := middle(column.rounds, func(r result) float64 { return column.of(r)[what] / float64(m.pods) })
			if perPod < leastTold {
				continue
			}
			if rows[what] == nil {
				rows[what] = append([]string{what}, slices.Repeat([]string{"-"}, len(columns))...)
			}
			rows[what][at+1] = fmt.Sprintf("%.2f", perPod)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(rows)) {
		table.Rows = append(table.Rows, rows[what])
	}
	return table
}
