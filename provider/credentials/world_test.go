package credentials

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// apiServer knows one token at a time, and is the cluster with an id.
type apiServer struct {
	*httptest.Server

	mu    sync.Mutex
	token string
	// quiet watches have no answer, not even a header.
	quiet bool
	// came receives each request for a watch, as soon as it is there.
	came chan string
	// silent receives each watch that has no answer.
	silent chan struct{}
}

func newAPIServer(t *testing.T, id, token string) *apiServer {
	t.Helper()
	s := &apiServer{token: token, came: make(chan string, 10), silent: make(chan struct{}, 10)}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.knows() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch {
		case r.URL.Query().Get("watch") == "true":
			s.watch(w, r)
		case r.URL.Path == "/api/v1/namespaces/kube-system", r.URL.Path == "/behind/api/v1/namespaces/kube-system":
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Namespace", "apiVersion": "v1", "metadata": map[string]string{"uid": id}})
		default:
			_, _ = fmt.Fprint(w, r.Host+r.URL.Path)
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request) {
	s.came <- r.Header.Get("Authorization")
	if s.isQuiet() {
		s.silent <- struct{}{}
	} else {
		_, _ = fmt.Fprintln(w, "event")
		_ = http.NewResponseController(w).Flush()
	}
	<-r.Context().Done()
}

func (s *apiServer) knows() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

func (s *apiServer) isQuiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quiet
}

func (s *apiServer) becomes(token string, quiet bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.quiet = token, quiet
}

// kubeconfig is one for the server, or for a path below it.
func (s *apiServer) kubeconfig(t *testing.T, path, token string) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{
		Server:                   s.URL + path,
		CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
	}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "c"
	content, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// mount is a Secret as a kubelet mounts it: a link to a folder, which is replaced.
type mount struct {
	t        *testing.T
	dir      string
	versions int
}

func newMount(t *testing.T, content string) *mount {
	t.Helper()
	m := &mount{t: t, dir: t.TempDir()}
	m.swap(content)
	return m
}

func (m *mount) file() string { return filepath.Join(m.dir, "..data", "kubeconfig") }

func (m *mount) swap(content string) {
	m.t.Helper()
	m.versions++
	version := fmt.Sprint("..version-", m.versions)
	if err := os.Mkdir(filepath.Join(m.dir, version), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, version, "kubeconfig"), []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(version, filepath.Join(m.dir, "..data_tmp")); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")); err != nil {
		m.t.Fatal(err)
	}
}

// opened is a Kubeconfig whose file is in a mount, and a client made from it.
type opened struct {
	*Kubeconfig
	*mount
	registry *prometheus.Registry
	client   *http.Client
}

func open(t *testing.T, content string) *opened {
	t.Helper()
	o := &opened{mount: newMount(t, content), registry: prometheus.NewRegistry()}
	metrics, err := NewMetrics(o.registry)
	if err != nil {
		t.Fatal(err)
	}
	if o.Kubeconfig, err = Open("downstream", o.file(), func(c *rest.Config) { c.UserAgent = "test" }, metrics); err != nil {
		t.Fatal(err)
	}
	if o.client, err = rest.HTTPClientFor(o.Config()); err != nil {
		t.Fatal(err)
	}
	return o
}

// get sends a request for a path below the address that clients are made for.
func (o *opened) get(ctx context.Context, path string) *http.Response {
	o.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.Config().Host+path, http.NoBody)
	if err != nil {
		o.t.Fatal(err)
	}
	response, err := o.client.Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (o *opened) code() int {
	o.t.Helper()
	return o.get(o.t.Context(), "/api").StatusCode
}

func (o *opened) said(path string) string {
	o.t.Helper()
	line, _ := bufio.NewReader(o.get(o.t.Context(), path).Body).ReadString('\n')
	return line
}

// gauge is the metric that says that the file's content is not in use.
func (o *opened) gauge() float64 {
	o.t.Helper()
	families, err := o.registry.Gather()
	if err != nil {
		o.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "spillway_kubeconfig_refused" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	o.t.Fatal("no such metric")
	return 0
}
