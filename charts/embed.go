// Package charts gives Go programs the files of Spillway's Helm chart as they are
// in the repository: the roles that the command prints, and what tests render. It
// renders nothing and reads nothing else.
package charts

import "embed"

// Spillway is the chart in the folder "spillway".
//
//go:embed all:spillway
var Spillway embed.FS
