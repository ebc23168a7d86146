package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/machine"
)

// completions is how often the work of onceJob is to be done.
const completions = 8

// Each container leaves a line in a file of its completion index, in a directory of
// the machine, and works for a while. What is there was written by real containers:
// no API server is asked.
const onceJob = `
apiVersion: batch/v1
kind: Job
metadata:
  name: once
spec:
  completions: %d
  parallelism: 4
  completionMode: Indexed
  backoffLimit: 0
  template:
    metadata:
      labels: {app: once, virtual-pod: "true"}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 2
      volumes:
      - {name: starts, hostPath: {path: %s, type: DirectoryOrCreate}}
      containers:
      - name: work
        image: app:1
        command: [sh, -c, "hostname >> /starts/$JOB_COMPLETION_INDEX; sleep 2"]
        volumeMounts: [{name: starts, mountPath: /starts}]
`

// TestContainersStartOnce: while a Job runs, the virtual node's process is killed and
// so is the downstream API server, under which containers start and end. Each
// completion's container has started exactly once all the same.
func TestContainersStartOnce(t *testing.T) {
	s := tellAlone(t, stage.up)
	starts := filepath.Join(machine.Dir(), "starts-"+s.namespace)
	s.kubectl(s.upstream, fmt.Sprintf(onceJob, completions, starts), "apply", "-f", "-")

	s.haveStarted(starts, 1)
	s.must("kill the virtual node", s.node.Kill())
	s.haveStarted(starts, 3) // what was created downstream runs without it
	s.must("start the virtual node again", s.node.Start())

	s.haveStarted(starts, 4)
	s.must("kill the downstream API server", s.downstream.APIServer.Kill())
	outage := time.NewTimer(5 * time.Second)
	defer outage.Stop()
	select {
	case <-outage.C: // containers end meanwhile, and nobody can say so
	case <-s.ctx.Done():
		t.Fatal(s.ctx.Err())
	}
	s.must("start the downstream API server again", errors.Join(s.downstream.APIServer.Start(), s.downstream.WaitReady(s.ctx)))

	s.eventually("the job is complete", func(ctx context.Context) error {
		job, err := s.upstream.Client().BatchV1().Jobs(s.namespace).Get(ctx, "once", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range job.Status.Conditions {
			switch {
			case condition.Type == batchv1.JobFailed && condition.Status == corev1.ConditionTrue:
				t.Fatalf("the job has failed: %s", condition.Message)
			case condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue:
				return nil
			}
		}
		return fmt.Errorf("%d have succeeded, %d failed", job.Status.Succeeded, job.Status.Failed)
	})
	for index, containers := range s.started(starts) {
		if containers != 1 {
			t.Errorf("completion %s: %d containers were started, want one", index, containers)
		}
	}
	s.haveStarted(starts, completions)
}

// started counts the containers of each completion index.
func (s *story) started(directory string) map[string]int {
	s.Helper()
	files, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.Fatal(err)
	}
	counts := map[string]int{}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(directory, file.Name()))
		s.must("read what a container wrote", err)
		for _, letter := range content {
			if letter == '\n' {
				counts[file.Name()]++
			}
		}
	}
	return counts
}

// haveStarted waits until containers of so many completion indexes have started.
func (s *story) haveStarted(directory string, n int) {
	s.Helper()
	s.eventually(fmt.Sprintf("%d have started", n), func(context.Context) error {
		if started := len(s.started(directory)); started < n {
			return fmt.Errorf("%d of %d", started, n)
		}
		return nil
	})
}
