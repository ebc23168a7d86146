package auth

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestAttributes(t *testing.T) {
	cases := map[string]struct{ method, path, verb, subresource string }{
		"logs":             {http.MethodGet, "/containerLogs/ns/pod/app", "get", "proxy"},
		"exec":             {http.MethodPost, "/exec/ns/pod/app", "create", "proxy"},
		"exec-socket":      {http.MethodGet, "/exec/ns/pod/app", "get", "proxy"},
		"port-forward":     {http.MethodPost, "/portForward/ns/pod", "create", "proxy"},
		"stats":            {http.MethodGet, "/stats/summary", "get", "stats"},
		"stats-bare":       {http.MethodGet, "/stats", "get", "stats"},
		"stats-of-others":  {http.MethodGet, "/statistics", "get", "proxy"},
		"metrics":          {http.MethodGet, "/metrics", "get", "metrics"},
		"metrics-resource": {http.MethodGet, "/metrics/resource", "get", "metrics"},
		"node-logs":        {http.MethodGet, "/logs/kubelet.log", "get", "log"},
		"pods":             {http.MethodGet, "/pods", "get", "proxy"},
		"running-pods":     {http.MethodGet, "/runningpods/", "get", "proxy"},
		"root":             {http.MethodGet, "/", "get", "proxy"},
		"put":              {http.MethodPut, "/pods", "update", "proxy"},
		"delete":           {http.MethodDelete, "/pods", "delete", "proxy"},
		"patch":            {http.MethodPatch, "/pods", "patch", "proxy"},
		"other-method":     {http.MethodOptions, "/exec/ns/pod/app", "", "proxy"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			who := &user.DefaultInfo{Name: "jane"}
			want := authorizer.AttributesRecord{
				User: who, Verb: tc.verb, APIVersion: "v1", Resource: "nodes", Subresource: tc.subresource, Name: "east", ResourceRequest: true, Path: tc.path,
			}
			if diff := cmp.Diff(want, attributes("east", who, httptest.NewRequest(tc.method, tc.path, http.NoBody))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// upstream is an API server that answers reviews; it refuses those for which
// answer returns false.
func upstream(t *testing.T, answer func(path string, body []byte) (review any, may bool)) kubernetes.Interface {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		review, may := answer(r.URL.Path, body)
		if !may {
			http.Error(w, "the virtual node may not ask", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestGuard: what cannot be asked is not allowed.
func TestGuard(t *testing.T) {
	const none = ""
	cases := map[string]struct {
		reason string
		// token is what the client shows, known whether a TokenReview knows it, and
		// allowed whether a SubjectAccessReview allows it.
		token                   string
		known, allowed          bool
		cannotReview, cannotAsk bool
		code                    int
	}{
		"no-credentials":    {"Nobody is anonymous.", none, true, true, false, false, 401},
		"unknown":           {"Anybody can make up a token.", "token", false, true, false, false, 401},
		"cannot-review":     {"Nobody is known while nobody can be asked who it is.", "token", true, true, true, false, 401},
		"known-not-allowed": {"To be known is not enough.", "token", true, false, false, false, 403},
		"cannot-ask":        {"Nothing is allowed while nobody can be asked.", "token", true, true, false, true, 500},
		"allowed":           {"Who may, may.", "token", true, true, false, false, 200},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var asked *authorizationv1.ResourceAttributes
			guard, err := New(upstream(t, func(path string, body []byte) (any, bool) {
				if path == "/apis/authentication.k8s.io/v1/tokenreviews" {
					status := authenticationv1.TokenReviewStatus{Authenticated: tc.known, User: authenticationv1.UserInfo{Username: "jane"}}
					return &authenticationv1.TokenReview{Status: status}, !tc.cannotReview
				}
				var review authorizationv1.SubjectAccessReview
				if err := json.Unmarshal(body, &review); err != nil {
					t.Errorf("asked by %s with %q", path, body)
				}
				asked = review.Spec.ResourceAttributes
				review.Status.Allowed = tc.allowed
				return &review, !tc.cannotAsk
			}), "east", "")
			if err != nil {
				t.Fatal(err)
			}
			reached := false
			handler := guard.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
			request := httptest.NewRequest(http.MethodPost, "/exec/ns/pod/app", http.NoBody)
			if tc.token != none {
				request.Header.Set("Authorization", "Bearer "+tc.token)
			}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != tc.code || reached != (tc.code == http.StatusOK) {
				t.Errorf("%s\ncode %d, reached %t, want code %d", tc.reason, answer.Code, reached, tc.code)
			}
			if strings.Contains(answer.Body.String(), "may not ask") {
				t.Errorf("the answer tells strangers about us: %s", answer.Body)
			}
			want := &authorizationv1.ResourceAttributes{Verb: "create", Version: "v1", Resource: "nodes", Subresource: "proxy", Name: "east"}
			if diff := cmp.Diff(want, asked); tc.code == http.StatusOK && diff != "" {
				t.Errorf("asked: -want +got:\n%s", diff)
			}
		})
	}
}

// TestNewWithoutCA: a CA that is asked for and not there is a mistake, and not a
// reason to accept fewer clients.
func TestNewWithoutCA(t *testing.T) {
	if _, err := New(kubernetes.NewForConfigOrDie(&rest.Config{}), "east", t.TempDir()+"/ca.crt"); err == nil {
		t.Error("a guard came to be without the client CA")
	}
}
