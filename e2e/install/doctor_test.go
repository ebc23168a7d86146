package install

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
)

// isWell has the doctor look at all of it, with the virtual node's own kubeconfig from
// its Secret: it finds nothing that is wrong, and nothing is hidden from it.
func (s *story) isWell() {
	cmd := exec.CommandContext(s.ctx, os.Getenv(spillwayVariable), "doctor", "--kubeconfig="+s.upstream.AdminKubeconfig())
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		s.Errorf("the doctor says %v: %s%s", err, complaint.String(), out.String())
		return
	}
	s.Logf("the doctor says:\n%s", out.String())
	for _, want := range []string{"ok      certificates: ", "ok      admission: ", "ok      rights: ", "ok      downstream-rights: ", "ok      nodes: ", "ok      orphans: "} {
		if !strings.Contains(out.String(), want) {
			s.Errorf("it does not say %q", want)
		}
	}
}
