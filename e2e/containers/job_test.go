package containers

import (
	"context"
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The agent would run for ever. It prints what the app writes into its log, a
// volume that it shares.
const reportLogs = `
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: report-logs}
spec:
  namespace: testjobwithsidecar
  selector: {matchLabels: {app: report}}
  containers:
  - name: agent
    image: agent:1
    imagePullPolicy: IfNotPresent
    shareVolumePolicy: {type: enabled}
    command: [sh, -c, "trap 'exit 0' TERM; until grep done /var/log/report/log 2>/dev/null; do sleep 0.1; done; touch /var/log/report/read; sleep 3600 & wait"]
`

// The app writes its last words, and ends when the agent has read them.
const reportJob = `
apiVersion: batch/v1
kind: Job
metadata:
  name: report
spec:
  completions: 5
  parallelism: 5
  template:
    metadata:
      labels: {app: report, virtual-pod: "true"}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 30
      volumes:
      - {name: logs, emptyDir: {}}
      containers:
      - name: app
        image: app:1
        command: [sh, -c, "echo done > /var/log/report/log; until [ -e /var/log/report/read ]; do sleep 0.1; done"]
        volumeMounts: [{name: logs, mountPath: /var/log/report}]
`

// TestJobWithSidecar: a Job on the virtual node is complete when its own
// containers have done their work, although each of its pods has got an agent
// that would never end: the agents are native sidecars, and real kubelets end
// those.
func TestJobWithSidecar(t *testing.T) {
	s := tell(t, stage.up)
	s.injects(reportLogs)
	s.kubectl(s.upstream, reportJob, "apply", "-f", "-")
	s.eventually("the job is complete upstream", func(ctx context.Context) error {
		job, err := s.upstream.Client().BatchV1().Jobs(s.namespace).Get(ctx, "report", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range job.Status.Conditions {
			if condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue && job.Status.Succeeded == 5 {
				return nil
			}
		}
		return fmt.Errorf("%d have succeeded, %d failed", job.Status.Succeeded, job.Status.Failed)
	})
	for _, pod := range s.allPods(s.upstream) {
		if pod.Status.Phase != corev1.PodSucceeded || pod.Spec.NodeName != virtualNode {
			t.Errorf("pod %s is %s on %s", pod.Name, pod.Status.Phase, pod.Spec.NodeName)
		}
		for _, name := range []string{"app", "agent"} {
			status, err := containerStatus(&pod, name)
			s.must("find container "+name, err)
			if ended := status.State.Terminated; ended == nil || ended.ExitCode != 0 || status.RestartCount != 0 {
				t.Errorf("container %s of %s: %d restarts, ended with %v", name, pod.Name, status.RestartCount, ended)
			}
		}
		s.prints(s.downstream, pod.Name, "agent", "done\n")
	}
}
