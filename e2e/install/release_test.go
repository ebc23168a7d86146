package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spillway-io/spillway/e2e/binaries"
)

// The versions of the image: the one that is installed, and the one it is upgraded to.
const (
	version     = "v0.0.0-story"
	nextVersion = "v0.0.1-story"
)

// What the process outside the machine has built, and tells the one inside.
const (
	helmVariable     = "HELM_BINARY"
	spillwayVariable = "SPILLWAY_BINARY"
	imageVariable    = "SPILLWAY_IMAGE"
	nextVariable     = "SPILLWAY_NEXT_IMAGE"
)

// build builds what is installed, and what installs it.
func build(ctx context.Context) error {
	for variable, version := range map[string]string{imageVariable: version, nextVariable: nextVersion} {
		image, err := binaries.SpillwayImage(ctx, binaries.Options{Out: os.Stderr}, version)
		if err := errors.Join(err, os.Setenv(variable, image.Archive)); err != nil {
			return err
		}
	}
	spillway, err := binaries.Spillway(ctx, binaries.Options{Out: os.Stderr})
	if err := errors.Join(err, os.Setenv(spillwayVariable, spillway)); err != nil {
		return err
	}
	helm, err := exec.CommandContext(ctx, "go", "tool", "-n", "helm").Output()
	if err != nil {
		return fmt.Errorf("cannot build helm: %w", err)
	}
	return os.Setenv(helmVariable, strings.TrimSpace(string(helm)))
}

// archives are those of the images, by name.
func archives() map[string]string {
	return map[string]string{
		"spillway:" + version:     os.Getenv(imageVariable),
		"spillway:" + nextVersion: os.Getenv(nextVariable),
	}
}

// values are all that this installation wants otherwise than the chart does, and its
// virtual node.
const values = `
image: {tag: %s}
virtualNodes:
- name: east
  kubeconfigSecret: {name: ` + secretName + `}
  extraArgs: [--probe-interval=1s] # sooner than every ten
`

// helmApplies runs helm install or upgrade, with the image of a version.
func (s *story) helmApplies(command, version string) {
	s.Helper()
	root, err := binaries.Root()
	s.must("find the chart", err)
	s.helm(fmt.Sprintf(values, version), command, release, filepath.Join(root, "charts", "spillway"), "--values=-")
}

// helm runs helm as the upstream administrator and returns what it printed.
func (s *story) helm(stdin string, args ...string) string {
	s.Helper()
	home := filepath.Join(s.upstream.Dir(), "helm")
	cmd := exec.CommandContext(s.ctx, os.Getenv(helmVariable), append(args, "--namespace="+namespace, "--kubeconfig="+s.upstream.AdminKubeconfig())...)
	cmd.Env = append(os.Environ(), "HOME="+home, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		s.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	return out.String()
}
