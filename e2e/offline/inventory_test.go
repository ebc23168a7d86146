package offline

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/e2e/manifest"
	"github.com/spillway-io/spillway/provider/portability"
)

// TestInventory: what there is in a cluster is in its inventory, and what somebody may
// not read is named instead of missing.
func TestInventory(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	downstream(ctx, t, "inventoried")
	stdout, _ := shared.run(ctx, t, "inventory", "--downstream-kubeconfig", shared.plain.AdminKubeconfig())
	inv := portability.Inventory{}
	if err := yaml.UnmarshalStrict([]byte(stdout), &inv); err != nil {
		t.Fatalf("%v:\n%s", err, stdout)
	}
	at := slices.IndexFunc(inv.Namespaces, func(n portability.Namespace) bool { return n.Name == "inventoried" })
	if at < 0 || inv.Namespaces[at].PodSecurity["enforce"] != "baseline" || !slices.Contains(inv.Namespaces[at].ServiceAccounts, "reader") {
		t.Errorf("namespace inventoried is not told of: %+v", inv.Namespaces)
	}
	if !strings.HasPrefix(inv.ServerVersion, "v1.") || !slices.Contains(inv.PriorityClasses, "system-node-critical") || len(inv.Unread) > 0 {
		t.Errorf("version %q, PriorityClasses %q, unread %+v", inv.ServerVersion, inv.PriorityClasses, inv.Unread)
	}
	if strings.Contains(stdout, "hidden") {
		t.Errorf("an annotation is in the inventory:\n%s", stdout)
	}

	nobody, err := shared.plain.Kubeconfig("nobody-in-particular")
	if err != nil {
		t.Fatal(err)
	}
	stdout, _ = shared.run(ctx, t, "inventory", "--downstream-kubeconfig", nobody, "-o", "json")
	unread := portability.Inventory{}
	if err := yaml.UnmarshalStrict([]byte(stdout), &unread); err != nil {
		t.Fatal(err)
	}
	if len(unread.Unread) != 7 || len(unread.PriorityClasses)+len(unread.Namespaces) > 0 {
		t.Errorf("who may read nothing reads:\n%s", stdout)
	}
}

// TestRefusedAsWarned: where a warning says that the downstream cluster refuses the
// pod, it does; a pod without warnings it takes.
func TestRefusedAsWarned(t *testing.T) {
	const container = `containers: [{name: app, image: app:1`
	cases := map[string]struct {
		reason, spec     string
		warning, refusal string
	}{
		"sound": {"an ordinary pod", container + `}]`, "", ""},
		"pod-security": {
			"the namespace admits the level baseline", container + `, securityContext: {privileged: true}}]`,
			`spec.securityContext: the downstream namespace "strict" admits pods of level "baseline" only`, `violates PodSecurity "baseline:latest": privileged`,
		},
		"host-namespaces": {
			"they are not of the level either, beside what is said of them anyway", `hostPID: true, ` + container + `}]`,
			`and refuses this one: host namespaces (hostPID=true)`, `violates PodSecurity "baseline:latest": host namespaces (hostPID=true)`,
		},
		"runtime-class": {
			"the class is not there", `runtimeClassName: kata, ` + container + `}]`,
			`the downstream cluster has no RuntimeClass "kata", and refuses the pod`, `RuntimeClass "kata" not found`,
		},
		"account": {
			"the ServiceAccount is not there", `serviceAccountName: writer, ` + container + `}]`,
			`the downstream namespace "strict" has no ServiceAccount "writer", and the downstream cluster refuses the pod`, `serviceaccount "writer" not found`,
		},
		"account-there": {"another one is", `serviceAccountName: reader, ` + container + `}]`, "", ""},
	}
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	downstream(ctx, t, "strict")
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pod.yaml")
			pod := `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: strict, labels: {virtual-pod: "true"}}, spec: {` + tc.spec + `}}`
			if err := os.WriteFile(file, []byte(pod), 0o600); err != nil {
				t.Fatal(err)
			}
			admitted, stderr := shared.run(ctx, t, "inject", "-f", file, "--downstream-kubeconfig", shared.plain.AdminKubeconfig(), "--pod-api-access", "downstream")
			if (tc.warning == "") != (stderr == "") || !strings.Contains(stderr, tc.warning) {
				t.Errorf("%s: want the warning %q, got:\n%s", tc.reason, tc.warning, stderr)
			}
			recovered := recoverPod(ctx, t, admitted)
			_, err := at(shared.inPlain, recovered).Create(ctx, recovered, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if (tc.refusal == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.refusal) {
				t.Errorf("%s: want the refusal %q, got: %v", tc.reason, tc.refusal, err)
			}
		})
	}
}

// downstream makes a namespace as downstream clusters have them.
func downstream(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	home := &golden{namespace: name, labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}, annotations: map[string]string{"note": "hidden"}}
	if err := home.home(ctx, shared.inPlain); err != nil {
		t.Fatal(err)
	}
	if _, err := create(ctx, shared.inPlain, made("v1", "ServiceAccount", name, "reader")); err != nil {
		t.Fatal(err)
	}
}

// recoverPod is what the virtual node makes of an admitted pod.
func recoverPod(ctx context.Context, t *testing.T, admitted string) *unstructured.Unstructured {
	t.Helper()
	cmd := exec.CommandContext(ctx, shared.spillway, "recover", "-f", "-", "--pod-api-access", "downstream")
	cmd.Stdin = strings.NewReader(admitted)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("recover: %v\n%s", err, errOut.String())
	}
	pods, err := manifest.Decode(out.String())
	if err != nil || len(pods) != 1 {
		t.Fatalf("recover printed %d pods: %v", len(pods), err)
	}
	return pods[0]
}
