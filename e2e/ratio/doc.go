// Package ratio is what measuring commands have in common: how they say what they
// found. Machines differ, and are busy, so what counts is a figure beside one that was
// measured in the same run: its ratio, which has a limit.
//
// It measures nothing, and refuses to judge: a ratio beyond its limit is told like
// any other. Whether that is a failure is for those who read it, such as CI.
package ratio
