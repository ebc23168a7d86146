package containers

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/e2e/machine"
)

//go:embed testdata/founding-pod.yaml
var foundingPod string

// TestFoundingPod: the pod that is aimed at the virtual node by hand has what its
// config map and its secret say, and the directory that its volume names; a pod
// that is created in its place finds what it has written there.
func TestFoundingPod(t *testing.T) {
	s := tell(t, stage.up)
	dir := filepath.Join(machine.Dir(), "example")
	s.must("make the volume's directory", os.Mkdir(dir, 0o755))
	founding := strings.NewReplacer("vk-node", virtualNode, "/tmp/example", dir, "busybox:1.27", "app:1").Replace(foundingPod)
	s.kubectl(s.upstream, founding, "apply", "-f", "-")
	first := s.runs(s.upstream)
	if first.Spec.NodeName != virtualNode {
		t.Errorf("it is on %s", first.Spec.NodeName)
	}
	says := func(command string) string {
		t.Helper()
		return s.kubectl(s.upstream, "", "exec", "vk-demo", "--", "sh", "-c", command)
	}
	if got := says("cat /etc/foo/username; echo; cat /etc/bar/USER_NAME"); got != "vk-demo\nadmin" {
		t.Errorf("its config map and secret say %q", got)
	}
	says("echo kept > /datadir/file")

	if bound := s.kubectl(s.upstream, "", "get", "pvc", "vk-demo", "-o=jsonpath={.status.phase} {.spec.volumeName}"); bound != "Bound vk-demo" {
		t.Errorf("upstream its claim is %q", bound)
	}
	// The claim downstream has the labels of the one upstream, and a volume of ours.
	claim := s.kubectl(s.downstream, "", "get", "pvc", "vk-demo", "-o=jsonpath={.status.phase} {.metadata.labels.app} {.spec.volumeName}")
	volume, ours := strings.CutPrefix(claim, "Bound nginx ")
	if !ours || !strings.HasPrefix(volume, "vk-demo-") {
		t.Errorf("downstream its claim is %q", claim)
	}
	if got := s.kubectl(s.downstream, "", "get", "pv", volume, "-o=jsonpath={.spec.persistentVolumeReclaimPolicy} {.spec.local.path}"); got != "Retain "+dir {
		t.Errorf("its volume downstream is %q", got)
	}

	s.kubectl(s.upstream, "", "delete", "pod", "vk-demo", "--grace-period=1")
	s.kubectl(s.upstream, founding, "apply", "-f", "-")
	if second := s.runs(s.upstream); second.UID == first.UID {
		t.Error("it is still the first pod")
	}
	if got := says("cat /datadir/file"); got != "kept\n" {
		t.Errorf("the second pod reads %q", got)
	}
	written, err := os.ReadFile(filepath.Join(dir, "file"))
	s.must("read the file on the node", err)
	if diff := cmp.Diff("kept\n", string(written)); diff != "" {
		t.Errorf("on the node -want +got:\n%s", diff)
	}
}
