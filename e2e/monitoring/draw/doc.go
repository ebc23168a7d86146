// Package draw makes a picture of a panel of a dashboard as Grafana would show it: the
// same title, unit, legend, stacking and thresholds, from the same figures.
//
//	panel.go   what a picture is made of, and which kind of panel is drawn how
//	lines.go   figures over time, stacked or not
//	stat.go    one figure, and a table
//	bars.go    bars, and what a chart that is no panel says in words
//	curves.go  lines over something else than time
//	legend.go  the names of series, in rows below
//	units.go   figures in words
//	paper.go   what all pictures have: card, title, fonts, colours
//
// Charts of other measurements look like the panels: bars, and curves.
//
// It draws and knows no Prometheus, no file and no clock. It refuses to be Grafana: the
// kinds of panels are those of our dashboard, and any other is an error.
package draw
