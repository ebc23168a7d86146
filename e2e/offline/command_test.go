package offline

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/e2e/manifest"
)

// answer is what the command says of a case.
type answer struct {
	pod    *unstructured.Unstructured
	denied string
	// refused are the policy objects that were not let in, sorted.
	refused []string
	stderr  string
}

// inject runs the command on a case.
func (s *stage) inject(ctx context.Context, t *testing.T, g *golden, nodes []unstructured.Unstructured) answer {
	t.Helper()
	dir := t.TempDir()
	podFile, worldFile := filepath.Join(dir, "pod.yaml"), filepath.Join(dir, "world.yaml")
	pod, world := g.input(t, nodes)
	if err := errors.Join(os.WriteFile(podFile, []byte(pod), 0o600), os.WriteFile(worldFile, []byte(world), 0o600)); err != nil {
		t.Fatal(err)
	}
	stdout, stderr := s.run(ctx, t, "inject", "-f", podFile, "-f", worldFile, "-o", "yaml")
	says := answer{stderr: stderr}
	refused := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?m)^\S+world\.yaml: document \d+: (\S+ \S+): refused: `).FindAllStringSubmatch(stderr, -1) {
		refused[match[1]] = true
	}
	says.refused = slices.Sorted(maps.Keys(refused))
	if match := regexp.MustCompile(`(?m)^\S+pod\.yaml: document 1: pod \S+: denied: (.*)`).FindStringSubmatch(stderr); match != nil {
		says.denied = match[1]
		return says
	}
	pods, err := manifest.Decode(stdout)
	if err != nil || len(pods) == 0 {
		t.Fatalf("inject printed no pod: %v\n%s", err, stderr)
	}
	says.pod = pods[0]
	return says
}

// run runs spillway, which may also say that something was refused.
func (s *stage) run(ctx context.Context, t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, s.spillway, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if failure := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &failure) || failure.ExitCode() != 2) {
		t.Fatalf("spillway %s: %v\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), errOut.String()
}
