package stories

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/e2e/playground"
)

// doctors may do what `spillway doctor --help` says, and nothing else.
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

// patient is a server whose certificate the doctor looks at: a Service of this name,
// a ready pod behind it, and a webhook.
type patient struct {
	name string
	// host is what its certificate is for; empty is the Service.
	host string
	// ago is when it was made, for an hour.
	ago time.Duration
	// foreign has the caBundle name another CA.
	foreign bool
	// want is the cause that the doctor finds; empty: none.
	want string

	port   int
	bundle []byte
}

// TestDoctor: each broken certificate that a pod serves, or a server that is
// registered by its URL, is found with its cause; what is well is not spoken of. No
// more rights are needed than the help says.
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
	out, complaint, code := s.spillwaySays("doctor", "--kubeconfig="+kubeconfig, "-o=json")
	var report struct {
		Webhooks int
		Findings []struct{ Configuration, Where, Cause, Text, Remedy string }
	}
	s.must("read the report", json.Unmarshal([]byte(out), &report))
	got := map[string]string{}
	for _, f := range report.Findings {
		name := strings.TrimPrefix(f.Configuration, "MutatingWebhookConfiguration ")
		got[name] += f.Cause
		t.Logf("%s: %s: %s: %s. To do: %s", name, f.Where, f.Cause, f.Text, f.Remedy)
	}
	want := map[string]string{"deserted": "no-replica", "absent": "no-service", "by-url": "wrong-host"}
	for _, p := range patients {
		if p.want != "" {
			want[p.name] = p.want
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || code != 1 || report.Webhooks != len(patients)+3 {
		t.Errorf("exit code %d, of %d webhooks the doctor found %v, want %v", code, report.Webhooks, got, want)
	}
	if !strings.Contains(complaint, fmt.Sprintf("%d problems found", len(want))) {
		t.Errorf("it complains: %s", complaint)
	}

	out, _, code = s.spillwaySays("doctor", "--kubeconfig="+kubeconfig, "--configuration=well")
	if code != 0 || !strings.Contains(out, "Service "+s.namespace+"/well: 1 of 1 replicas ready: pod "+s.namespace+"/well\nNothing is wrong") {
		t.Errorf("of what is well it says with exit code %d:\n%s", code, out)
	}
	out, _, code = s.spillwaySays("doctor", "--kubeconfig="+kubeconfig, "--configuration=expired")
	if code != 1 || !strings.Contains(out, "MutatingWebhookConfiguration expired (expired.spillway.io): pod "+s.namespace+"/expired: expired: expired at ") {
		t.Errorf("of what has expired it says with exit code %d:\n%s", code, out)
	}
	s.grantsWhatIsPrinted()
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

// examined starts a cluster whose kubelet leads from ports of pods to servers here.
func examined(t *testing.T, forwards string) *playground.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cluster, err := playground.Start(ctx, playground.Options{
		Name: "examined", Dir: shared.dir, Binaries: shared.binaries.Upstream, Nodes: []*corev1.Node{playground.FakeNode("metal")},
		Without: []playground.Component{playground.Scheduler},
		KubeletAPI: "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterPortForward\nmetadata: {name: all}\n" +
			"spec:\n  forwards:\n" + forwards,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := within(cluster.Stop)(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// opens has the patient serve, with the certificate that it is to have.
func (p *patient) opens(t *testing.T) {
	t.Helper()
	host := p.host
	if host == "" {
		host = p.name + ".testdoctor.svc"
	}
	then := time.Now().Add(-p.ago - time.Minute)
	ca, err := certs.NewAuthority(rand.Reader, then, 24*time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Serving(rand.Reader, []string{host}, then, time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.foreign {
		if ca, err = certs.NewAuthority(rand.Reader, then, 24*time.Hour, 0); err != nil {
			t.Fatal(err)
		}
	}
	p.bundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw})
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{pair.Certificate.Raw}, PrivateKey: pair.Key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the doctor hangs up without a request
	server.StartTLS()
	t.Cleanup(server.Close)
	var port int
	if _, err := fmt.Sscanf(server.Listener.Addr().String(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	p.port = port
}

// registers has a Service with a pod that listens at port, and a webhook there.
func (s *story) registers(p *patient, port int) {
	s.Helper()
	service := serviceOf(p.name)
	service.Spec.Selector = map[string]string{"app": p.name}
	service.Spec.Ports[0].TargetPort.IntVal = int32(port)
	_, err := s.upstream.Client().CoreV1().Services(s.namespace).Create(s.ctx, service, metav1.CreateOptions{})
	s.must("create Service "+p.name, err)
	_, err = s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: p.name, Labels: map[string]string{"app": p.name}},
		Spec:       corev1.PodSpec{NodeName: "metal", Containers: []corev1.Container{{Name: "app", Image: "none"}}},
	}, metav1.CreateOptions{})
	s.must("create pod "+p.name, err)
	s.registersAt(p.name, p.bundle, admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: s.namespace, Name: p.name}})
	s.eventually("Service "+p.name+" has a ready pod", func(ctx context.Context) error {
		list, err := s.upstream.Client().DiscoveryV1().EndpointSlices(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + p.name})
		if err != nil {
			return err
		}
		for i := range list.Items {
			for _, endpoint := range list.Items[i].Endpoints {
				if endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready {
					return nil
				}
			}
		}
		return errors.New("none yet")
	})
}

func serviceOf(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}},
	}
}

// registersAt registers a webhook for objects that do not exist.
func (s *story) registersAt(name string, bundle []byte, config admissionregistrationv1.WebhookClientConfig) {
	s.Helper()
	config.CABundle = bundle
	_, err := s.upstream.Client().AdmissionregistrationV1().MutatingWebhookConfigurations().Create(s.ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: name + ".spillway.io", ClientConfig: config, AdmissionReviewVersions: []string{"v1"},
			SideEffects: new(admissionregistrationv1.SideEffectClassNone),
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"nobody.example.com"}, APIVersions: []string{"v1"}, Resources: []string{"nothings"}},
			}},
		}},
	}, metav1.CreateOptions{})
	s.must("register "+name, err)
}
