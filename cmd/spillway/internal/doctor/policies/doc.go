// Package policies finds what people wrote for Spillway and it does not do: labels
// that look like misspelt ones, WorkloadSpreads and SidecarSets that the webhook would
// refuse today, and WorkloadSpreads of workloads that do not exist.
//
//	labels.go  what looks like the label that opts in   pure
//	gather.go  reads, and asks the webhook's own judges
//	judge.go   what their answers mean                  pure
//
// It has no rules of its own about policies, and refuses to change any.
package policies
