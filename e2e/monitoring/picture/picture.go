// Package picture asks a Prometheus what a panel of the dashboard asks for, and has
// package draw draw it. Grafana would show the same.
//
// It refuses to show nothing: a panel whose queries have no answer is an error.
package picture

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/spillway-io/spillway/e2e/monitoring"
	"github.com/spillway-io/spillway/e2e/monitoring/draw"
	"github.com/spillway-io/spillway/e2e/monitoring/prometheus"
)

// Span is the time that is shown.
type Span struct {
	// From and To are its ends.
	From, To time.Time
	// Rates is what rates are computed over; several scrapes.
	Rates time.Duration
}

// Of returns the picture of a panel, and how many series it shows.
func Of(ctx context.Context, server *prometheus.Server, panel monitoring.Panel, span Span) (svg []byte, series int, err error) {
	var all []draw.Series
	for _, target := range panel.Targets {
		matrix, err := answer(ctx, server, panel, target, span)
		if err != nil {
			return nil, 0, fmt.Errorf("panel %q: %w", panel.Title, err)
		}
		if samples(matrix) == 0 {
			return nil, 0, fmt.Errorf("panel %q: nothing answers %s", panel.Title, target.Expr)
		}
		for _, stream := range matrix {
			all = append(all, figures(stream, target, span.From))
		}
	}
	svg, err = draw.Panel(panel, all, span.To.Sub(span.From).Seconds())
	return svg, len(all), err
}

// answer asks for what a panel shows: all of the span, or its end.
func answer(ctx context.Context, server *prometheus.Server, panel monitoring.Panel, target monitoring.Target, span Span) (model.Matrix, error) {
	from := span.From
	if panel.Type != "timeseries" {
		from = span.To
	}
	return server.Over(ctx, monitoring.Filled(target.Expr, span.Rates), from, span.To, prometheus.Interval)
}

// samples counts the figures that are numbers.
func samples(matrix model.Matrix) int {
	count := 0
	for _, stream := range matrix {
		for _, sample := range stream.Values {
			if !math.IsNaN(float64(sample.Value)) {
				count++
			}
		}
	}
	return count
}

func figures(stream *model.SampleStream, target monitoring.Target, from time.Time) draw.Series {
	s := draw.Series{Name: named(stream.Metric, target.LegendFormat), Labels: map[string]string{}}
	for label, value := range stream.Metric {
		s.Labels[string(label)] = string(value)
	}
	for _, sample := range stream.Values {
		s.Points = append(s.Points, draw.Point{Since: sample.Timestamp.Time().Sub(from).Seconds(), Value: float64(sample.Value)})
	}
	return s
}

// named is a series' name in the legend, as Grafana makes it.
func named(labels model.Metric, format string) string {
	if format == "" {
		return labels.String()
	}
	name := regexp.MustCompile(`{{\s*(\w+)\s*}}`).ReplaceAllStringFunc(format, func(label string) string {
		return string(labels[model.LabelName(strings.Trim(label, "{} "))])
	})
	return strings.Join(strings.Fields(name), " ")
}
