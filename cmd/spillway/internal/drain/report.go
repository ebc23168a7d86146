package drain

import (
	"fmt"
	"strings"
	"time"
)

// Event is one thing that is told of a drain, a line of text or of JSON.
type Event struct {
	// Event is what happened: cordoned, planned, moved, waits, stays, going, stopped or
	// drained.
	Event string `json:"event"`
	Node  string `json:"node"`
	// Seconds is how long the drain has taken so far.
	Seconds float64 `json:"seconds"`
	// Namespace, Pod and Subset are of the pod that is spoken of.
	Namespace string `json:"namespace,omitempty"`
	Pod       string `json:"pod,omitempty"`
	Subset    string `json:"subset,omitempty"`
	// Instead has the pods that came instead of it.
	Instead []Instead `json:"instead,omitempty"`
	// Moved is how many pods have left, Total how many are to, as far as known.
	Moved int `json:"moved"`
	Total int `json:"total"`
	// Home is how many of those that are planned come to own machines.
	Home int `json:"home,omitempty"`
	// Stay is how many pods stay because of which the node is not drained.
	Stay int `json:"stay,omitempty"`
	// Why says why, and Do what a person can do about it.
	Why string `json:"why,omitempty"`
	Do  string `json:"do,omitempty"`
}

// Instead is a pod that came instead of one that was evicted.
type Instead struct {
	Pod    string `json:"pod"`
	Node   string `json:"node"`
	Subset string `json:"subset,omitempty"`
}

// Text is the event in one line.
func (e Event) Text() string {
	pod := e.Namespace + "/" + e.Pod + inSubset(e.Subset)
	progress := fmt.Sprintf("[%d/%d %s]", e.Moved, e.Total, (time.Duration(e.Seconds) * time.Second).String())
	switch e.Event {
	case "cordoned":
		return fmt.Sprintf("node %s is cordoned: no new pods go there", e.Node)
	case "planned":
		return fmt.Sprintf("%d pods of %s go, %d of them home; %d stay", e.Total, e.Node, e.Home, e.Stay)
	case "goes":
		return fmt.Sprintf("goes: %s: %s", pod, e.Why)
	case "moved":
		return fmt.Sprintf("%s %s: %s", progress, pod, e.came())
	case "waits":
		return fmt.Sprintf("%s %s: waits: %s", progress, pod, e.Why)
	case "stays":
		return advised(fmt.Sprintf("stays: %s: %s", pod, e.Why), e.Do)
	case "going":
		return fmt.Sprintf("%s waits until the %d pods that were evicted are gone", progress, e.Stay)
	case "stopped":
		return advised(fmt.Sprintf("%s stopped after %s: %s", progress, pod, e.Why), e.Do)
	default:
		return fmt.Sprintf("%s %s has no more pods that could go; %d stay", progress, e.Node, e.Stay)
	}
}

func (e Event) came() string {
	if len(e.Instead) == 0 {
		return "left; its workload wants fewer pods by now"
	}
	var all []string
	for _, came := range e.Instead {
		all = append(all, fmt.Sprintf("%s on %s%s", came.Pod, came.Node, inSubset(came.Subset)))
	}
	return "left; ready instead: " + strings.Join(all, ", ")
}

func inSubset(subset string) string {
	if subset == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", subset)
}

func advised(text, do string) string {
	if do == "" {
		return text
	}
	return text + "; do: " + do
}
