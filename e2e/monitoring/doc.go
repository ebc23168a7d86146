// Package monitoring says which metrics Spillway has, from its source code, and which
// ones alerts and dashboards ask for, so that tests keep the three in agreement: a
// metric that is renamed would otherwise leave an alert that is silent for ever.
//
// It reads, and evaluates nothing: whether an alert fires when it should is not
// decided here. Metrics of libraries it knows as what a process that uses them serves.
package monitoring
