package containers

import (
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/release"
)

// imageVersion is what the image of these stories says that it is, and imageVariable
// tells the process inside the machine where the one outside has put it.
const (
	imageVersion  = "v0.0.0-story"
	imageVariable = "SPILLWAY_IMAGE"
)

// The one that waits reads pods from a stdin that nobody writes to; the last one
// looks at its process.
const imagePod = `
apiVersion: v1
kind: Pod
metadata: {name: spillway}
spec:
  shareProcessNamespace: true
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  initContainers:
  - name: version
    image: IMAGE
    args: [version]
    securityContext: &restricted
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
  containers:
  - {name: waits, image: IMAGE, args: [inject, -f, "-"], stdin: true, securityContext: *restricted}
  - name: looks
    image: app:1
    securityContext: {runAsUser: 65532, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

const looksAt = `grep -lx spillway /proc/[0-9]*/comm | while read comm; do grep -E '^(Uid|Gid|CapEff):' ${comm%comm}status; done`

// TestImage: containerd takes the archive that `make image` writes, a kubelet finds
// the image by its short name and runs it in a namespace that asks for the restricted
// level, as the user that the image names, since the pod names none.
func TestImage(t *testing.T) {
	s := tell(t, stage.down)
	name := "spillway:" + imageVersion
	s.must("load the image", s.kubelet.LoadImage(s.ctx, name, os.Getenv(imageVariable)))
	s.kubectl(s.downstream, "", "label", "namespace", s.namespace, "pod-security.kubernetes.io/enforce=restricted")
	s.kubectl(s.downstream, strings.ReplaceAll(imagePod, "IMAGE", name), "apply", "-f", "-")
	pod := s.runs(s.downstream)
	s.prints(s.downstream, pod.Name, "version", imageVersion+"\n")

	uid, gid, _ := strings.Cut(release.User, ":")
	want := strings.Join([]string{
		"Uid:" + strings.Repeat("\t"+uid, 4), "Gid:" + strings.Repeat("\t"+gid, 4), "CapEff:\t0000000000000000", "",
	}, "\n")
	if got := s.kubectl(s.downstream, "", "exec", pod.Name, "-c", "looks", "--", "sh", "-c", looksAt); got != want {
		t.Errorf("it runs as\n%swant\n%s", got, want)
	}
	if status, err := containerStatus(pod, "waits"); err != nil || status.RestartCount != 0 || pod.Status.Phase != corev1.PodRunning {
		t.Errorf("it does not stay: %+v, %v", status, err)
	}
}
