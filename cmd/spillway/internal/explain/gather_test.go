package explain

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// answers are what an API server tells somebody who may do nothing else.
type answers map[string]string

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	body, has := a[r.URL.Path]
	switch {
	case !has:
		w.WriteHeader(http.StatusForbidden)
		body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"` + r.URL.Path + ` is forbidden"}`
	case body == "":
		w.WriteHeader(http.StatusNotFound)
		body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"not found"}`
	}
	_, _ = w.Write([]byte(body)) // whoever asked has gone
}

// TestGather: whoever may read little gets that, and is told of the rest.
func TestGather(t *testing.T) {
	const (
		pod    = "/api/v1/namespaces/shop/pods/web-1"
		set    = "/apis/apps/v1/namespaces/shop/replicasets/web"
		above  = "/apis/apps/v1/namespaces/shop/deployments/web"
		spread = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/workloadspreads"
	)
	little := answers{
		pod:    `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web-1","namespace":"shop","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web","uid":"r","controller":true}]},"spec":{"nodeName":"own-1"}}`,
		set:    `{"kind":"ReplicaSet","apiVersion":"apps/v1","metadata":{"name":"web","uid":"r","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"d","controller":true}]}}`,
		above:  `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web","uid":"d"}}`,
		spread: `{"kind":"WorkloadSpreadList","apiVersion":"apps.kruise.io/v1alpha1","metadata":{},"items":[{"metadata":{"name":"ws"}}]}`,
		"/apis/apps.kruise.io/v1alpha1/sidecarsets": "",
	}
	cases := map[string]struct {
		reason  string
		has     answers
		kind    int
		name    string
		owners  string
		found   bool
		unknown []string
		fails   string
	}{
		"little": {
			reason: "all that may be read is read, and the rest has a reason", has: little, name: "web-1", found: true, owners: "ReplicaSet Deployment",
			unknown: []string{"namespace shop", "nodes", "virtual nodes", "pods", "ReplicaSets", "events about web-1", "events about web"},
		},
		"workload": {
			reason: "a workload is its own first owner", has: little, kind: 1, name: "web", found: true, owners: "Deployment",
			unknown: []string{"pods", "ReplicaSets", "events about web"},
		},
		"absent":    {reason: "what is not there is no error", has: answers{pod: ""}, name: "web-1"},
		"forbidden": {reason: "what was asked for has to be readable", has: answers{}, name: "web-1", fails: "cannot read the pod: " + pod + " is forbidden"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.has)
			defer server.Close()
			facts, err := Gather(t.Context(), Options{Upstream: &rest.Config{Host: server.URL, QPS: -1}, Kind: Kinds()[c.kind], Namespace: "shop", Name: c.name})
			if c.fails != "" {
				if err == nil || err.Error() != c.fails {
					t.Errorf("%s: error %v", c.reason, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var owners, unknown []string
			for _, o := range facts.Owners {
				owners = append(owners, o.GetKind())
			}
			for _, u := range facts.Unknown {
				unknown = append(unknown, u.What)
			}
			found := facts.Pod != nil || len(facts.Owners) > 0
			if got := strings.Join(owners, " "); got != c.owners || found != c.found {
				t.Errorf("%s: owners %q, found %t", c.reason, got, found)
			}
			for _, what := range c.unknown {
				if !slices.Contains(unknown, what) {
					t.Errorf("%s: %q is not among what is not known: %q", c.reason, what, unknown)
				}
			}
			Judge(facts)
		})
	}
}
