package anchor

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// countTied counts the pods that exist in a downstream cluster, as far as their
// status says, and have not ended.
func countTied(pods []corev1.Pod) int {
	n := 0
	for i := range pods {
		if tied(&pods[i]) {
			n++
		}
	}
	return n
}

func tied(pod *corev1.Pod) bool {
	if translate.Finished(pod) {
		return false
	}
	return translate.Started(pod) || translate.ConditionOf(pod.Status.Conditions, api.DownstreamScheduledCondition) != nil
}

// RefusedError says that the downstream cluster is not the virtual node's.
type RefusedError struct {
	// Node is the virtual node's name, and Server the downstream API server as the
	// kubeconfig has it.
	Node, Server string
	// Want is the id of the virtual node's cluster, and Got that of the one that
	// answers.
	Want, Got string
	// Tied is how many pods depend on the difference; 0 if the cluster changed while
	// this process was running, which does not ask for their number.
	Tied int
}

// Error says what to do, too.
func (e *RefusedError) Error() string {
	if e.Tied == 0 {
		return fmt.Sprintf("another cluster than before answers at %s for virtual node %q: the UID of its namespace kube-system is %s, and was %s. "+
			"Nothing is concluded from what is missing there; the next process finds out what that means for its pods", e.Server, e.Node, e.Got, e.Want)
	}
	return fmt.Sprintf("the cluster at %s is not that of virtual node %q: the UID of its namespace kube-system is %s, and of the pods that have not ended, %d "+
		"are in the cluster where it is %s. Nothing was changed. Give this process the kubeconfig of that cluster. If that cluster is gone and was replaced by "+
		"this one, say so by `kubectl annotate node %s %s-`, and start this process again: those of the pods that were started are lost then, and become Failed",
		e.Server, e.Node, e.Got, e.Tied, e.Want, e.Node, api.DownstreamAnnotation)
}
