package vksuite

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/virtual-kubelet/virtual-kubelet/test/e2e"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/leftout"
	"github.com/spillway-io/spillway/e2e/machine"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	virtualNode  = "east"
	startTimeout = 90 * time.Second
	// watchTimeout is how long the suite waits for one thing.
	watchTimeout = 30 * time.Second

	// tests is how many the suite has, so that none gets lost unseen.
	tests = 9
)

// spillwayVariable tells the process inside the machine where the one outside has
// built spillway.
const spillwayVariable = "SPILLWAY_BINARY"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if leftout.Listing() {
		return m.Run()
	}
	if machine.Outside() {
		// Inside there is no network: what may have to be fetched is fetched here.
		_, err := binaries.Components(context.Background(), binaries.Options{Out: os.Stderr})
		if err != nil {
			return leftout.Fail("build the playground", err)
		}
		spillway, err := binaries.Spillway(context.Background(), binaries.Options{Out: os.Stderr})
		if err := errors.Join(err, os.Setenv(spillwayVariable, spillway)); err != nil {
			return leftout.Fail("build spillway", err)
		}
	}
	code, err := machine.Run(m.Run)
	switch {
	case errors.Is(err, machine.ErrUnavailable):
		return leftout.Tell("e2e/vksuite", "", err)
	case err != nil:
		return leftout.Fail("run the suite on a machine of its own", err)
	default:
		return code
	}
}

// TestVirtualKubelet runs all of the suite's tests, each as a subtest.
func TestVirtualKubelet(t *testing.T) {
	kubeconfig := setStage(t)
	begun := 0
	e2e.NewEndToEndTestSuite(e2e.EndToEndTestSuiteConfig{
		Kubeconfig:   kubeconfig,
		Namespace:    corev1.NamespaceDefault,
		NodeName:     virtualNode,
		WatchTimeout: watchTimeout,
		// Asked once before each test.
		ShouldSkipTest: func(string) bool { begun++; return false },
	}).Run(t)
	if flag.Lookup("test.run").Value.String() == "" && begun != tests {
		t.Errorf("%d tests were run, want %d", begun, tests)
	}
}

// setStage starts everything the suite needs, and returns the kubeconfig of the
// upstream cluster's administrator. Upstream needs no scheduler: the suite's pods
// name their node.
func setStage(t *testing.T) (kubeconfig string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	paths, err := binaries.Components(ctx, binaries.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: machine.Dir(), Binaries: paths, Without: []playground.Component{playground.Kwok, playground.Scheduler}},
		playground.Options{Name: "downstream", Dir: machine.Dir(), Binaries: paths, Nodes: []*corev1.Node{playground.FakeNode("east-1")}},
	)
	if err != nil {
		t.Fatal(err)
	}
	node, err := playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: os.Getenv(spillwayVariable), Name: virtualNode, Upstream: clusters[0], Downstream: clusters[1], Address: machine.Address,
	})
	if err != nil {
		t.Fatal(err)
	}
	shut, err := openDoor(ctx, clusters[0], node, filepath.Join(machine.Dir(), "door"))
	if err != nil {
		t.Fatal(err)
	}
	// The rest ends with the machine.
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := errors.Join(shut(), node.Stop(ctx)); err != nil {
			t.Error(err)
		}
	})
	return clusters[0].AdminKubeconfig()
}
