package admission

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// Try has the API server say what it would make of a pod that opts in.
func Try(ctx context.Context, s *site.Site, namespace string) finding.Outcome {
	pod := trialPod()
	answer, err := s.Upstream.Client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return JudgeTrial(Trial{
		Namespace: namespace, Answer: answer, Err: err, Mutating: s.Mutating,
		Again: "kubectl run doctor -n " + namespace + " --image=none --labels=virtual-pod=true --dry-run=server -o yaml",
	})
}
