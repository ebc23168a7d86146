package playground

import (
	"strings"
	"testing"
)

const unknownFields = `
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: newer}
spec:
  selector: {matchLabels: {app: web}}
  initContainers:
  - {name: setup, image: "setup:1", fromTheFuture: {of: Kubernetes}}
  containers:
  - {name: agent, image: "agent:1", podInjectPolicy: AfterAppContainer, resourcesPolicy: {targetContainersMode: sum}}
  volumes:
  - {name: log, emptyDir: {}, fromTheFuture: [1]}
`

// testSidecarSetCRD: the API server keeps what it does not know of containers and
// volumes, so that Spillway sees it and refuses it, and nothing else. c must not
// ask Spillway, which does refuse it.
func testSidecarSetCRD(t *testing.T, c *Cluster) {
	ctx := deadline(t)
	crds, err := shippedCRDs()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.InstallCRDs(ctx, crds); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Kubectl(ctx, unknownFields, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	got, _, err := c.Kubectl(ctx, "", "get", "scs", "newer",
		"-o=jsonpath={.spec.initContainers[0].fromTheFuture.of} {.spec.containers[0].resourcesPolicy.targetContainersMode} {.spec.volumes[0].fromTheFuture[0]}")
	if want := "Kubernetes sum 1"; err != nil || got != want {
		t.Errorf("it has kept %q (%v), want %q", got, err, want)
	}
	for field, with := range map[string]string{
		"spec.fromTheFuture":                                 unknownFields + "  fromTheFuture: {}\n",
		"spec.updateStrategy.fromTheFuture":                  unknownFields + "  updateStrategy: {fromTheFuture: 1}\n",
		"spec.containers[0].shareVolumePolicy.fromTheFuture": strings.Replace(unknownFields, "podInjectPolicy:", "shareVolumePolicy: {type: enabled, fromTheFuture: 1}, podInjectPolicy:", 1),
	} {
		if _, _, err := c.Kubectl(ctx, with, "apply", "-f", "-"); err == nil || !strings.Contains(err.Error(), `unknown field "`+field+`"`) {
			t.Errorf("kubectl says %v of %s, want that it is unknown", err, field)
		}
	}
	columns, _, err := c.Kubectl(ctx, "", "get", "sidecarsets")
	if want := "NAME MATCHED UPDATED READY UPDATE PAUSED AGE"; err != nil || !strings.HasPrefix(strings.Join(strings.Fields(columns), " "), want) {
		t.Errorf("kubectl get prints\n%s (%v), want the columns %s", columns, err, want)
	}
}
