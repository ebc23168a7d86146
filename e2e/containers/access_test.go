package containers

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// user returns the credentials of a user of the upstream cluster whom nobody
// granted anything.
func (s *story) user(name string) *rest.Config {
	s.Helper()
	path, err := s.upstream.Kubeconfig(name)
	s.must("certify a user", err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	s.must("load a user's configuration", err)
	return config
}

// knocks asks the virtual node itself, without the API server between, and
// returns the code and the text of its answer. It trusts the upstream cluster's
// CA, and nothing else.
func (s *story) knocks(method, path string, as rest.TLSClientConfig, token string) (int, string) {
	s.Helper()
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(s.upstream.CA())
	config := &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}
	if as.CertData != nil {
		pair, err := tls.X509KeyPair(as.CertData, as.KeyData)
		s.must("load a certificate", err)
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(s.ctx, method, s.node.Kubelet+path, http.NoBody)
	s.must("make a request", err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := transport.RoundTrip(request)
	s.must("knock", err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	s.must("read the answer", err)
	return response.StatusCode, string(text)
}

// token returns one of a service account of the story's namespace.
func (s *story) token(account string) string {
	s.Helper()
	answer, err := s.upstream.Client().CoreV1().ServiceAccounts(s.namespace).
		CreateToken(s.ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	s.must("request a token", err)
	return answer.Status.Token
}

// TestKubeletAccess: the virtual node's port is open to nobody whom a kubelet's
// would not be open to. Who is not known is told so, with 401, and who may not,
// with 403; both before anything else is looked at.
func TestKubeletAccess(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("box", "Always", waiting)
	s.prints(s.downstream, "box", "agent", "agent:1 runs\n")
	for _, account := range []string{"reader", "stranger"} {
		s.kubectl(s.upstream, "", "create", "serviceaccount", account)
	}
	grant := rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes/proxy"}, Verbs: []string{"get"}, ResourceNames: []string{virtualNode}}},
	}
	_, err := s.upstream.Client().RbacV1().ClusterRoles().Create(s.ctx, &grant, metav1.CreateOptions{})
	s.must("create a role", err)
	s.kubectl(s.upstream, "", "create", "clusterrolebinding", s.namespace, "--clusterrole="+s.namespace, "--serviceaccount="+s.namespace+":reader", "--user=friend")

	nobody := rest.TLSClientConfig{}
	foreigner, friend := s.user("foreigner").TLSClientConfig, s.user("friend").TLSClientConfig
	// Somebody else's CA calls him a friend, too.
	path, err := s.downstream.Kubeconfig("friend")
	s.must("certify a user", err)
	impostor, err := clientcmd.BuildConfigFromFlags("", path)
	s.must("load a user's configuration", err)
	reader, stranger := s.token("reader"), s.token("stranger")

	log := "/containerLogs/" + s.namespace + "/box/agent"
	run := "/exec/" + s.namespace + "/box/agent?command=id&output=1"
	for name, tc := range map[string]struct {
		method, path string
		as           rest.TLSClientConfig
		token        string
		code         int
		text         string
	}{
		"anonymous":              {http.MethodGet, log, nobody, "", 401, "Unauthorized\n"},
		"anonymous exec":         {http.MethodPost, run, nobody, "", 401, "Unauthorized\n"},
		"anonymous nowhere":      {http.MethodGet, "/nowhere", nobody, "", 401, "Unauthorized\n"},
		"token made up":          {http.MethodGet, log, nobody, "made.up.token", 401, "Unauthorized\n"},
		"certificate of another": {http.MethodGet, log, impostor.TLSClientConfig, "", 401, "Unauthorized\n"},
		"user without rights":    {http.MethodGet, log, foreigner, "", 403, "Forbidden (user=foreigner, verb=get, resource=nodes, subresource=proxy)\n"},
		"token without rights":   {http.MethodGet, log, nobody, stranger, 403, "subresource=proxy)\n"},
		"may read, not run":      {http.MethodPost, run, nobody, reader, 403, "verb=create, resource=nodes, subresource=proxy)\n"},
		"may not see metrics":    {http.MethodGet, "/metrics/resource", nobody, reader, 403, "subresource=metrics)\n"},
		"user with rights":       {http.MethodGet, log, friend, "", 200, "agent:1 runs\n"},
		"token with rights":      {http.MethodGet, log, nobody, reader, 200, "agent:1 runs\n"},
		"nowhere":                {http.MethodGet, "/nowhere", friend, "", 404, ""},
	} {
		code, text := s.knocks(tc.method, tc.path, tc.as, tc.token)
		if code != tc.code || !strings.HasSuffix(text, tc.text) {
			t.Errorf("%s: %d %q, want %d %q", name, code, text, tc.code, tc.text)
		}
	}
}

// TestForeignPods: nobody gets into downstream pods that are not their upstream
// pod's, whatever rights they have upstream.
func TestForeignPods(t *testing.T) {
	s := tell(t, stage.up)
	// The namespace exists downstream once a pod of ours does.
	s.runsPod("box", "Always", `[{name: app, image: "app:1"}]`)
	s.prints(s.downstream, "box", "app", "app:1 runs\n")
	for _, name := range []string{"theirs", "taken"} {
		s.kubectl(s.downstream, "", "run", name, "--image=app:1", "--image-pull-policy=IfNotPresent")
	}
	s.kubectl(s.downstream, "", "wait", "pod/theirs", "pod/taken", "--for=condition=Ready", "--timeout=60s")
	s.kubectl(s.upstream, "", "run", "taken", "--image=app:1", "--labels=virtual-pod=true")
	s.reachesPod("taken", "is on the virtual node", func(pod *corev1.Pod) error {
		if pod.Spec.NodeName != virtualNode {
			return fmt.Errorf("it is on %q", pod.Spec.NodeName)
		}
		return nil
	})
	admin := s.upstream.AdminConfig().TLSClientConfig
	for path, want := range map[string]struct {
		code int
		text string
	}{
		"/containerLogs/%s/theirs/theirs":     {404, `pod "theirs" does not exist`},
		"/containerLogs/%s/taken/taken":       {400, `the pod "taken" in the downstream cluster belongs to somebody else`},
		"/exec/%s/taken/taken?command=id":     {409, `the pod "taken" in the downstream cluster belongs to somebody else`},
		"/portForward/%s/taken":               {409, `the pod "taken" in the downstream cluster belongs to somebody else`},
		"/portForward/%s/theirs":              {404, `pod "theirs" does not exist`},
		"/containerLogs/%s/box/agent":         {404, `container "agent" not found in pod "box"`},
		"/containerLogs/%s/box/app?limit=x":   {200, "app:1 runs"},
		"/containerLogs/%s/box/app?tail=some": {400, `unable to decode query: tailLines: strconv.ParseInt: parsing "some": invalid syntax`},
	} {
		if code, text := s.knocks(http.MethodGet, fmt.Sprintf(path, s.namespace), admin, ""); code != want.code || text != want.text+"\n" {
			t.Errorf("GET %s: %d %q, want %d %q", path, code, text, want.code, want.text)
		}
	}
	for _, verb := range [][]string{{"logs", "taken"}, {"exec", "taken", "--", "id"}, {"attach", "taken"}} {
		_, _, err := s.upstream.Kubectl(s.ctx, "", append([]string{"-n", s.namespace}, verb...)...)
		if err == nil || !strings.Contains(err.Error(), "belongs to somebody else") {
			t.Errorf("kubectl %s: %v", verb[0], err)
		}
	}
}

// reachesPod waits until one pod upstream is as it should be.
func (s *story) reachesPod(name, what string, check func(*corev1.Pod) error) {
	s.Helper()
	s.eventually("pod "+name+" "+what, func(ctx context.Context) error {
		pod, err := s.upstream.Client().CoreV1().Pods(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return check(pod)
	})
}

// goroutines is how many the virtual node's process has.
func (s *story) goroutines(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.node.Metrics+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(content, []byte("\ngo_goroutines "))
	if !found {
		return 0, fmt.Errorf("no such metric")
	}
	digits, _, _ := bytes.Cut(rest, []byte("\n"))
	return strconv.Atoi(string(digits))
}
