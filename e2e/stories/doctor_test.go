package stories

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// doctors may do what the check of certificates needs, and nothing else.
const doctors = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: doctor}
rules:
- {apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations, validatingwebhookconfigurations], verbs: [list]}
- {apiGroups: [""], resources: [services], verbs: [get]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
- {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: doctor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: doctor}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: doctor}]
`

// TestDoctor: each broken certificate that a pod serves, or a server that is
// registered by its URL, is found with its cause; what is well is not spoken of. No
// more rights are needed for that than these.
func TestDoctor(t *testing.T) {
	t.Parallel()
	patients := []*patient{
		{name: "well"},
		{name: "expired", ago: 3 * time.Hour, want: "expired"},
		{name: "wrong-host", host: "elsewhere.example.com", want: "wrong-host"},
		{name: "foreign", foreign: true, want: "foreign-ca"},
	}
	var forwards strings.Builder
	for i, p := range patients {
		p.opens(t)
		fmt.Fprintf(&forwards, "  - {ports: [%d], target: {port: %d, address: 127.0.0.1}}\n", 9440+i, p.port)
	}
	on := shared
	on.upstream = examined(t, forwards.String())
	s := tellOn(t, on, nil)
	s.must("grant rights", s.upstream.Apply(s.ctx, doctors))
	for i, p := range patients {
		s.registers(p, 9440+i)
	}
	_, err := s.upstream.Client().CoreV1().Services(s.namespace).Create(s.ctx, serviceOf("deserted"), metav1.CreateOptions{})
	s.must("create a Service without pods", err)
	s.registersAt("deserted", patients[0].bundle, admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: s.namespace, Name: "deserted"}})
	s.registersAt("absent", patients[0].bundle, admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: s.namespace, Name: "absent"}})
	s.registersAt("by-url", patients[0].bundle, admissionregistrationv1.WebhookClientConfig{URL: new(fmt.Sprintf("https://127.0.0.1:%d/", patients[0].port))})

	kubeconfig, err := s.upstream.Kubeconfig("doctor")
	s.must("make a kubeconfig", err)
	want := map[string]string{"deserted": "no-replica", "absent": "no-service", "by-url": "wrong-host"}
	for _, p := range patients {
		if p.want != "" {
			want[p.name] = p.want
		}
	}
	complaint := s.diagnoses(want, 3, "--kubeconfig="+kubeconfig, "--check=certificates")
	if !strings.Contains(complaint, fmt.Sprintf("%d errors", len(want))) {
		t.Errorf("it complains: %s", complaint)
	}

	out, _, code := s.spillwaySays("doctor", "--kubeconfig="+kubeconfig, "--check=certificates", "--configuration=well")
	if code != 0 || out != "ok      certificates: 1 webhook; Service "+s.namespace+"/well: 1 of 1 replicas ready\n" {
		t.Errorf("of what is well it says with exit code %d:\n%s", code, out)
	}
	out, _, code = s.spillwaySays("doctor", "--kubeconfig="+kubeconfig, "--check=certificates", "--configuration=expired")
	if code != 3 || !strings.HasPrefix(out, "ERROR   MutatingWebhookConfiguration expired (expired.spillway.io), pod "+s.namespace+"/expired: expired at ") {
		t.Errorf("of what has expired it says with exit code %d:\n%s", code, out)
	}
	// Who may do nothing else is told what was not looked at, and who may look.
	out, _, code = s.spillwaySays("doctor", "--kubeconfig="+kubeconfig, "--check=webhooks,labels,nodes")
	if code != 2 || strings.Count(out, "UNKNOWN not looked at: ") != 3 || !strings.Contains(out, "do: run this as somebody who may list namespaces\n") {
		t.Errorf("without rights it says with exit code %d:\n%s", code, out)
	}
	s.judgesTheChart()
	s.grantsWhatIsPrinted()
}

// diagnoses runs the doctor, and compares the causes that it finds with those that are
// wanted, by the object that they are about; it returns what is said on stderr.
func (s *story) diagnoses(want map[string]string, wantCode int, args ...string) string {
	s.Helper()
	out, complaint, code := s.spillwaySays(append([]string{"doctor", "-o=json"}, args...)...)
	var report struct {
		Findings []struct{ Severity, Object, Cause, Text, Fix string }
	}
	s.must("read the report", json.Unmarshal([]byte(out), &report))
	got := map[string]string{}
	for _, f := range report.Findings {
		name, _, _ := strings.Cut(strings.TrimPrefix(f.Object, "MutatingWebhookConfiguration "), " (")
		got[name] += f.Cause
		s.Logf("%s: %s: %s. To do: %s", f.Severity, f.Object, f.Text, f.Fix)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || code != wantCode {
		s.Errorf("exit code %d, want %d; the doctor found %v, want %v", code, wantCode, got, want)
	}
	return complaint
}

// installed are the parts of the chart's Deployments that the doctor reads, in an
// installation that went wrong: the webhook's ServiceAccount has no rights, and the
// virtual node, of another version, never came up. Nobody runs them.
const installed = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: spillway-webhook-first, labels: &webhook {app.kubernetes.io/name: spillway, app.kubernetes.io/instance: spillway, app.kubernetes.io/component: webhook}}
spec:
  replicas: 0
  selector: {matchLabels: *webhook}
  template:
    metadata: {labels: *webhook}
    spec: {serviceAccountName: spillway-webhook, containers: [{name: webhook, image: "spillway:1", args: [webhook, --cert-secret=certs]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: spillway-node-east, labels: &node {app.kubernetes.io/name: spillway, app.kubernetes.io/instance: spillway, app.kubernetes.io/component: node, spillway.io/virtual-node: east}}
spec:
  replicas: 0
  selector: {matchLabels: *node}
  template:
    metadata: {labels: *node}
    spec:
      serviceAccountName: spillway-node
      containers:
      - {name: node, image: "spillway:2", args: [node, --name=east, --downstream-kubeconfig=/downstream/kubeconfig], volumeMounts: [{name: downstream, mountPath: /downstream}]}
      volumes: [{name: downstream, secret: {secretName: east-kubeconfig}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: spillway-node-may-all}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: spillway-node, namespace: testdoctor}]
`

// judgesTheChart: what is wrong with what the chart installed is told by the objects
// that it consists of.
func (s *story) judgesTheChart() {
	s.Helper()
	s.applies(installed)
	s.diagnoses(map[string]string{
		"ServiceAccount testdoctor/spillway-webhook": "rights-missing-upstream",
		"virtual node east":                          "no-nodeno-kubeconfig",
		"images of Spillway":                         "images-differ",
		"the upstream cluster":                       "kinds-missing",
	}, 3, "--kubeconfig="+s.upstream.AdminKubeconfig(), "--check=rights,nodes,versions")
	out, _, code := s.spillwaySays("doctor", "--kubeconfig="+s.upstream.AdminKubeconfig(), "--check=downstream-rights")
	if code != 2 || !strings.Contains(out, `cannot read the Secret of Deployment testdoctor/spillway-node-east: secrets "east-kubeconfig" not found`) {
		s.Errorf("without the Secret it says with exit code %d:\n%s", code, out)
	}
}

// grantsWhatIsPrinted: the roles that are printed are taken by a real API server, and
// the ServiceAccount has them.
func (s *story) grantsWhatIsPrinted() {
	s.Helper()
	out, _, code := s.spillwaySays("doctor", "--print-downstream-rbac", "--namespace=printed", "--service-account=runner")
	if code != 0 {
		s.Fatalf("printing the roles ended with %d", code)
	}
	_, _, err := s.upstream.Kubectl(s.ctx, out, "apply", "-f", "-")
	s.must("apply the roles", err)
	for _, may := range []string{"create pods", "delete secrets", "update leases -n printed"} {
		args := append([]string{"auth", "can-i", "--as=system:serviceaccount:printed:runner", "-n", "anywhere"}, strings.Fields(may)...)
		if said, _, err := s.upstream.Kubectl(s.ctx, "", args...); err != nil || strings.TrimSpace(said) != "yes" {
			s.Errorf("may it %s? %s %v", may, said, err)
		}
	}
}

// previews: the doctor shows the orphans of a virtual node that are withheld, with the
// command that has them deleted.
func (s *story) previews(node, howMany string) {
	s.Helper()
	out, _, code := s.spillwaySays("doctor", "--kubeconfig="+s.upstream.AdminKubeconfig(), "--check=orphans", "--downstream-kubeconfig="+node+"="+s.downstream.AdminKubeconfig())
	orphans, _, _ := strings.Cut(howMany, " ")
	for _, want := range []string{
		"WARNING virtual node " + node + ": " + howMany + " downstream pods have no upstream pod",
		"kubectl annotate --overwrite node " + node + " spillway.io/delete-orphans=" + orphans + "\n",
		"         pod " + s.namespace + "/pod-00, ",
	} {
		if code != 2 || !strings.Contains(out, want) {
			s.Errorf("with exit code %d the doctor does not say %q, but\n%s", code, want, out)
		}
	}
}

// spillwaySays runs a command that ends by itself.
func (s *story) spillwaySays(args ...string) (stdout, stderr string, code int) {
	s.Helper()
	cmd := exec.CommandContext(s.ctx, s.spillway, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		failure, exited := errors.AsType[*exec.ExitError](err)
		if !exited {
			s.Fatalf("cannot run spillway %s: %v", args[0], err)
		}
		code = failure.ExitCode()
	}
	return out.String(), errOut.String(), code
}
