// Package soak judges what was seen of Spillway's processes, and of the pods that came
// and went, while a load went on that does not change.
//
//	judge.go   samples of a figure over time to a verdict: flat, or a leak
//	trend.go   how fast samples rise, and how sure that is
//	ledger.go  observations of pods to what became of each, and to violations
//
// Both are pure: no clock, no client, no process. The package refuses to run a load, and
// to know why something grows: for that there are profiles.
package soak
