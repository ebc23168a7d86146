package keeper

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/certs"
)

// server stands in for the API server's part in a pass: what it decides itself is for
// the stories.
type server struct {
	client.Writer
	mutating *admissionregistrationv1.MutatingWebhookConfiguration
	patches  []string
	conflict bool
	secrets  []*corev1.Secret
}

func (s *server) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	mutating, ok := o.(*admissionregistrationv1.MutatingWebhookConfiguration)
	if !ok || s.mutating == nil || key.Name != s.mutating.Name {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "configurations"}, key.Name)
	}
	s.mutating.DeepCopyInto(mutating)
	return nil
}

func (*server) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("nobody lists")
}

func (s *server) Patch(_ context.Context, o client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(o)
	s.patches = append(s.patches, string(data))
	return err
}

func (s *server) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	if s.conflict {
		return apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, o.GetName(), errors.New("changed"))
	}
	secret, ok := o.(*corev1.Secret)
	if !ok {
		return errors.New("not a Secret")
	}
	secret.ResourceVersion += "1"
	s.secrets = append(s.secrets, secret.DeepCopy())
	return nil
}

// lines is a log at its most talkative.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) logger() logr.Logger {
	return funcr.New(func(_, line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, line)
	}, funcr.Options{Verbosity: 9})
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

func configurationOf(bundle string, names ...string) *admissionregistrationv1.MutatingWebhookConfiguration {
	c := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "spillway", ResourceVersion: "7"}}
	for _, name := range names {
		c.Webhooks = append(c.Webhooks, admissionregistrationv1.MutatingWebhook{Name: name, ClientConfig: admissionregistrationv1.WebhookClientConfig{
			CABundle: []byte(bundle), Service: &admissionregistrationv1.ServiceReference{Namespace: "ns", Name: "webhook"},
		}})
	}
	return c
}

func newLeader(s *server) *Leader {
	k := New(types.NamespacedName{Namespace: "ns", Name: "certs"}, nil)
	return &Leader{
		Keeper: k, Writer: s, Configurations: Configurations{Names: []string{"spillway"}, Live: s, Writer: s},
		Policy: certs.Policy{Names: []string{"webhook.ns.svc"}, Life: time.Hour, AuthorityLife: 9 * time.Hour, Overlap: time.Hour},
	}
}

func (l *Leader) sees(log logr.Logger, version string, data map[string][]byte) {
	l.Keeper.saw(log, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "certs", ResourceVersion: version}, Data: data})
}

// TestPass: an empty Secret is filled, and then trusted by what is ours, and by
// nothing else.
func TestPass(t *testing.T) {
	s, said := &server{mutating: configurationOf("", "a.spillway.io", "a.somebody.example", "b.spillway.io")}, &lines{}
	l, ctx := newLeader(s), logf.IntoContext(t.Context(), said.logger())
	if _, err := l.pass(ctx); !errors.Is(err, errNoSecret) {
		t.Errorf("without a Secret: %v", err)
	}
	if _, err := l.Keeper.GetCertificate(&tls.ClientHelloInfo{}); !errors.Is(err, errNone) {
		t.Errorf("without a certificate: %v", err)
	}
	l.sees(said.logger(), "1", map[string][]byte{"README": []byte("kept")})
	if _, err := l.pass(ctx); err != nil {
		t.Fatal(err)
	}
	if len(s.secrets) != 1 || string(s.secrets[0].Data["README"]) != "kept" || s.secrets[0].ResourceVersion != "11" {
		t.Fatalf("%d Secrets were written", len(s.secrets))
	}
	bundle := s.secrets[0].Data[certs.BundleKey]
	want, err := json.Marshal([]patchOperation{
		{"replace", "/metadata/resourceVersion", "7"},
		{"add", "/webhooks/0/clientConfig/caBundle", bundle},
		{"add", "/webhooks/2/clientConfig/caBundle", bundle},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{string(want)}, s.patches); diff != "" {
		t.Error(diff)
	}
	certificate, err := l.Keeper.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil || !bytes.Equal(certs.EncodeChain(certificate.Certificate), s.secrets[0].Data[certs.ChainKey]) {
		t.Errorf("what was written is not served: %v", err)
	}
	s.mutating = configurationOf(string(bundle), "a.spillway.io")
	if _, err := l.pass(ctx); err != nil || len(s.patches) != 1 || len(s.secrets) != 1 {
		t.Errorf("what is right is written again: %v, %d patches, %d Secrets", err, len(s.patches), len(s.secrets))
	}
	for line := range strings.Lines(string(s.secrets[0].Data[certs.PrivateKeyKey]) + string(s.secrets[0].Data[certs.AuthorityKeyKey])) {
		if strings.Contains(said.text(), strings.TrimSpace(line)) {
			t.Error("a part of a key was logged")
		}
	}
}

// TestPassConflict: what somebody else wrote is not overwritten, and what was not
// written is not trusted.
func TestPassConflict(t *testing.T) {
	s := &server{mutating: configurationOf("", "a.spillway.io"), conflict: true}
	l := newLeader(s)
	l.sees(logr.Discard(), "1", nil)
	if _, err := l.pass(t.Context()); !apierrors.IsConflict(err) || len(s.patches) > 0 {
		t.Errorf("%v, %d patches", err, len(s.patches))
	}
}

// TestKeeperServesOn: what cannot be served is not, and what was served is.
func TestKeeperServesOn(t *testing.T) {
	s, said := &server{}, &lines{}
	l, ctx := newLeader(s), logf.IntoContext(t.Context(), said.logger())
	l.sees(said.logger(), "1", nil)
	if _, err := l.pass(ctx); err != nil {
		t.Fatal(err)
	}
	served, err := l.Keeper.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	broken := maps.Clone(s.secrets[0].Data)
	broken[certs.PrivateKeyKey] = []byte("x")
	for version, happens := range map[string]func(){
		"2": func() { l.sees(said.logger(), "2", broken) },
		"3": func() { l.Keeper.lost(said.logger()) },
	} {
		happens()
		if now, err := l.Keeper.GetCertificate(nil); err != nil || now != served {
			t.Errorf("%s: another certificate is served: %v", version, err)
		}
	}
	l.sees(said.logger(), "4", nil)
	if _, err := l.pass(ctx); err != nil || !bytes.Equal(s.secrets[1].Data[certs.ChainKey], s.secrets[0].Data[certs.ChainKey]) {
		t.Errorf("what was lost is not put back: %v", err)
	}
	for _, want := range []string{"was deleted", "is not served", "put back"} {
		if !strings.Contains(said.text(), want) {
			t.Errorf("nobody is told %q", want)
		}
	}
}

type served struct{ tls.Certificate }

func (s served) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &s.Certificate, nil
}

func TestJudge(t *testing.T) {
	ca, err := certs.NewAuthority(rand.Reader, time.Now(), time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Serving(rand.Reader, []string{"webhook.ns.svc"}, time.Now(), time.Hour, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	good := string(certs.EncodeChain([][]byte{ca.Certificate.Raw}))
	cases := map[string]struct {
		configuration *admissionregistrationv1.MutatingWebhookConfiguration
		findings      []string
		why           string
	}{
		"good":      {configurationOf(good, "a.spillway.io"), nil, "none is seen from here"},
		"no-bundle": {configurationOf("", "a.spillway.io", "b.spillway.io"), []string{"MutatingWebhookConfiguration spillway: empty-ca-bundle: no caBundle says which CA signs the certificate"}, "empty-ca-bundle"},
		"others":    {configurationOf("", "a.somebody.example"), nil, "none is seen from here"},
		"none":      {nil, nil, "none is seen from here"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, registry := &server{mutating: tc.configuration}, prometheus.NewRegistry()
			j, err := NewJudge(served{tls.Certificate{Certificate: [][]byte{leaf.Certificate.Raw}}}, Configurations{Names: []string{"spillway"}, Live: s}, registry)
			if err != nil {
				t.Fatal(err)
			}
			findings, err := j.judge(t.Context())
			if diff := cmp.Diff(tc.findings, findings); err != nil || diff != "" {
				t.Errorf("%v: -want +got\n%s", err, diff)
			}
			if why := j.Why(t.Context(), "webhook.ns.svc"); !strings.Contains(why, tc.why) {
				t.Errorf("Why() = %q, want %q in it", why, tc.why)
			}
			if why := j.Why(t.Context(), "other.ns.svc"); !strings.Contains(why, "none is seen") {
				t.Errorf("Why() = %q for another name", why)
			}
			if expiry := j.expiry(); int64(expiry) != leaf.Certificate.NotAfter.Unix() {
				t.Errorf("it expires at %f", expiry)
			}
		})
	}
}
