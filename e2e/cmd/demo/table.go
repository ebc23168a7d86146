package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/placement"
)

// verdict is what became of one pod's constraints.
type verdict struct {
	pair pair
	// node is the downstream node that runs the pod, nil if there is none.
	node     *corev1.Node
	holds    bool
	sentence string
}

// judgeAll judges every pod by what its author wrote and where it runs.
func judgeAll(pairs []pair, nodes []*corev1.Node) []verdict {
	verdicts := make([]verdict, len(pairs))
	var placed []placement.Pod
	for i, p := range pairs {
		verdicts[i].pair = p
		for _, node := range nodes {
			if p.downstream != nil && node.Name == p.downstream.Spec.NodeName {
				verdicts[i].node = node
				placed = append(placed, placement.Pod{Author: p.workload.author(p.upstream.Name), Node: node})
			}
		}
	}
	for i := range verdicts {
		verdicts[i].holds, verdicts[i].sentence = judgeOne(verdicts[i], placed, nodes)
		if agent := verdicts[i].pair.workload.agent; agent != "" && has(verdicts[i].pair.upstream, agent) {
			verdicts[i].sentence += ", with " + agent
		}
	}
	return verdicts
}

func judgeOne(v verdict, placed []placement.Pod, nodes []*corev1.Node) (holds bool, sentence string) {
	if v.pair.isAtHome() && v.pair.downstream == nil {
		return true, "holds, at home"
	}
	if v.pair.upstream.Spec.NodeName != virtualNode {
		return false, "NOT ON THE VIRTUAL NODE"
	}
	if v.node == nil {
		return false, "NOT ON A DOWNSTREAM NODE"
	}
	i := slices.IndexFunc(placed, func(pod placement.Pod) bool {
		return pod.Author.Namespace == v.pair.upstream.Namespace && pod.Author.Name == v.pair.upstream.Name
	})
	if violations := placement.Violations(placed[i], placed, nodes); len(violations) > 0 {
		return false, "VIOLATED: " + strings.Join(violations, "; ")
	}
	if !placement.Prefers(placed[i].Author) {
		return true, "holds"
	}
	best, err := placement.PreferredBest(placed[i], nodes)
	if err != nil {
		return false, err.Error()
	}
	if !best {
		return true, "holds, preference not met"
	}
	return true, "holds, preference met"
}

// printTable prints one line for each pod, below a line for its workload.
func printTable(out io.Writer, verdicts []verdict) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	workload := ""
	for _, v := range verdicts {
		if v.pair.workload.file != workload {
			workload = v.pair.workload.file
			_, _ = fmt.Fprintf(table, "\n%s asks for: %s\n", v.pair.workload.deployment.Name, v.pair.workload.asks)
			_, _ = fmt.Fprintln(table, "  POD\tUPSTREAM\tDOWNSTREAM\tTHAT NODE\tVERDICT")
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n",
			v.pair.upstream.Name, where(v.pair.upstream), where(v.pair.downstream), describe(v.node), v.sentence)
	}
	return table.Flush()
}

func where(pod *corev1.Pod) string {
	if pod == nil {
		return "none"
	}
	return fmt.Sprintf("%s on %s", pod.Status.Phase, pod.Spec.NodeName)
}

// describe names what matters of a node: the telling labels and the taints.
func describe(node *corev1.Node) string {
	if node == nil {
		return "none"
	}
	var words []string
	for _, key := range telling() {
		if value, found := node.Labels[key]; found {
			words = append(words, key[strings.LastIndex(key, "/")+1:]+"="+value)
		}
	}
	for _, taint := range node.Spec.Taints {
		words = append(words, "taint "+taint.ToString())
	}
	return strings.Join(words, " ")
}
