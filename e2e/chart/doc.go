// Package chart renders Spillway's Helm chart as helm does, with Helm's own library,
// for tests that need what an installation consists of without installing it, and
// checks the chart: every way to install it against golden files, against the Go
// types of what it writes, and against a real API server.
//
// It changes nothing in a cluster and knows no values of its own. What the installed
// chart does is told in e2e/install.
package chart
