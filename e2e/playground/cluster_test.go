package playground

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const pickyDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: picky
spec:
  replicas: 3
  selector:
    matchLabels: {app: picky}
  template:
    metadata:
      labels: {app: picky}
    spec:
      nodeSelector: {disktype: ssd}
      initContainers:
      - {name: before, image: example.com/before}
      - {name: beside, image: example.com/beside, restartPolicy: Always}
      containers:
      - {name: app, image: example.com/app}
`

// TestTwoClusters tells on one pair of clusters whatever needs no fresh ones: a
// control plane costs four seconds of a processor.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	upstream, downstream := options(t, "upstream"), options(t, "downstream")
	upstream.Nodes = []*corev1.Node{FakeNode("own-1", reserved()), FakeNode("own-2", reserved())}
	downstream.Nodes = []*corev1.Node{
		FakeNode("ssd", Zone("a"), Label("disktype", "ssd")),
		FakeNode("ssd-dedicated", Zone("b"), Label("disktype", "ssd"), Taint("dedicated", "batch", corev1.TaintEffectNoSchedule)),
		FakeNode("hdd", Zone("c"), Label("disktype", "hdd")),
	}

	started := time.Now()
	clusters, err := StartAll(ctx, upstream, downstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // once more, for what fails below
		if err := StopAll(context.WithoutCancel(ctx), clusters...); err != nil {
			t.Errorf("cannot stop the clusters: %v", err)
		}
	})
	t.Logf("both clusters started in %s", time.Since(started).Round(10*time.Millisecond))
	alive(t, clusters...)

	t.Run("pods run where their constraints allow", func(t *testing.T) {
		if err := clusters[1].Apply(ctx, pickyDeployment); err != nil {
			t.Fatal(err)
		}
		waitRunningOn(ctx, t, clusters[1], "default", 3, "ssd")
	})
	t.Run("the clusters know nothing of each other", func(t *testing.T) {
		pods, err := clusters[0].Client().CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(pods.Items) != 0 {
			t.Errorf("upstream has %d pods, want none", len(pods.Items))
		}
	})
	t.Run("used at the same time", func(t *testing.T) {
		t.Run("Spillway", inParallel(func(t *testing.T) { testSpillway(t, clusters[0], clusters[1]) }))
		t.Run("stages", inParallel(func(t *testing.T) { testStages(t, clusters[1]) }))
		t.Run("the CRD of SidecarSet", inParallel(func(t *testing.T) { testSidecarSetCRD(t, clusters[1]) }))
		t.Run("a user may do nothing", inParallel(func(t *testing.T) { testUserMayDoNothing(t, clusters[1]) }))
	})
	t.Run("restarts", func(t *testing.T) { testRestarts(t, clusters[1], "ssd") })

	processes := alive(t, clusters...)
	stopped := time.Now()
	if err := StopAll(ctx, clusters...); err != nil {
		t.Errorf("cannot stop the clusters: %v", err)
	}
	t.Logf("both clusters stopped in %s", time.Since(stopped).Round(10*time.Millisecond))
	for name, pid := range processes {
		if !gone(pid) {
			t.Errorf("%s, pid %d, is still there after Stop", name, pid)
		}
	}
}

// reserved keeps pods off the upstream cluster's own nodes: those that may leave
// the cluster do.
func reserved() NodeOption {
	return Taint("example.com/reserved", "true", corev1.TaintEffectNoSchedule)
}

func inParallel(test func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		test(t)
	}
}

// testRestarts kills every process of a cluster that runs the picky Deployment on
// node.
func testRestarts(t *testing.T, c *Cluster, node string) {
	ctx := deadline(t)
	waitRunningOn(ctx, t, c, "default", 3, node)

	for _, p := range []*Process{c.APIServer, c.Etcd, c.ControllerManager, c.Scheduler, c.Kwok} {
		t.Run(p.Name()+" killed", func(t *testing.T) {
			before := p.PID()
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := c.WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
			t.Logf("ready again after %s", time.Since(began).Round(10*time.Millisecond))
			if p.PID() == before {
				t.Errorf("the pid is still %d", before)
			}
			waitRunningOn(ctx, t, c, "default", 3, node)
		})
	}
	t.Run("the cluster still works", func(t *testing.T) {
		if _, _, err := c.Kubectl(ctx, "", "scale", "deployment/picky", "--replicas=5"); err != nil {
			t.Fatal(err)
		}
		waitRunningOn(ctx, t, c, "default", 5, node)
		if _, _, err := c.Kubectl(ctx, "", "delete", "deployment/picky"); err != nil {
			t.Fatal(err)
		}
		waitRunningOn(ctx, t, c, "default", 0, node)
	})
}

func TestWithout(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	o := options(t, "bare")
	o.Without = []Component{ControllerManager, Scheduler, Kwok}
	o.ExtraArgs = map[Component][]string{APIServer: {"--audit-log-path=-", "--audit-log-maxage=1"}}
	c := start(ctx, t, o)
	if c.ControllerManager != nil || c.Scheduler != nil || c.Kwok != nil {
		t.Error("what was left out was started")
	}
}

func testUserMayDoNothing(t *testing.T, c *Cluster) {
	ctx := deadline(t)
	kubeconfig, err := c.Kubeconfig("alice", "developers")
	if err != nil {
		t.Fatal(err)
	}
	who, _, err := c.Kubectl(ctx, "", "--kubeconfig="+kubeconfig, "auth", "whoami", "-o=jsonpath={.status.userInfo.username} {.status.userInfo.groups}")
	if want := `alice ["developers","system:authenticated"]`; err != nil || who != want {
		t.Errorf("the API server knows her as %q (%v), want %q", who, err, want)
	}
	if out, _, err := c.Kubectl(ctx, "", "--kubeconfig="+kubeconfig, "get", "pods"); err == nil {
		t.Errorf("she may read pods, nobody granted that: %s", out)
	}
}

func TestStartGivesUp(t *testing.T) {
	t.Parallel()
	o := options(t, "hopeless")
	o.ExtraArgs = map[Component][]string{APIServer: {"--no-such-flag"}}
	c, err := Start(deadline(t), o)
	if err == nil {
		t.Fatalf("cluster %s started", c.Name())
	}
	t.Log(err)
}

func start(ctx context.Context, t *testing.T, o Options) *Cluster {
	t.Helper()
	c, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("cannot stop the cluster: %v", err)
		}
	})
	return c
}

// alive returns the pids of every process of the clusters.
func alive(t *testing.T, clusters ...*Cluster) map[string]int {
	t.Helper()
	pids := map[string]int{}
	for _, c := range clusters {
		for _, p := range []*Process{c.Etcd, c.APIServer, c.ControllerManager, c.Scheduler, c.Kwok} {
			if !p.Running() {
				t.Errorf("%s of %s does not run", p.Name(), c.Name())
			}
			pids[c.Name()+" "+p.Name()] = p.PID()
		}
	}
	return pids
}

// waitRunningOn waits until exactly n pods exist, all Running on node.
func waitRunningOn(ctx context.Context, t *testing.T, c *Cluster, namespace string, n int, node string) {
	t.Helper()
	err := Eventually(ctx, fmt.Sprintf("%d pods run on %s", n, node), func(ctx context.Context) error {
		pods, err := c.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(pods.Items) != n {
			return fmt.Errorf("there are %d pods", len(pods.Items))
		}
		for _, pod := range pods.Items {
			if pod.Status.Phase != corev1.PodRunning || pod.Spec.NodeName != node {
				return fmt.Errorf("pod %s is %s on %q", pod.Name, pod.Status.Phase, pod.Spec.NodeName)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
