package faults

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method, url string
		want        asked
	}{
		"List":                 {"GET", "/api/v1/pods?limit=500", asked{verb: "list", resource: "pods"}},
		"NamespacedList":       {"GET", "/apis/apps/v1/namespaces/a/deployments", asked{verb: "list", resource: "deployments"}},
		"Watch":                {"GET", "/api/v1/pods?watch=true&resourceVersion=7", asked{verb: "watch", resource: "pods", version: "7"}},
		"WatchFromAny":         {"GET", "/api/v1/pods?watch=1&resourceVersion=0", asked{verb: "watch", resource: "pods"}},
		"StreamingList":        {"GET", "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersion=7", asked{verb: "watch", resource: "pods", version: "7", streams: true}},
		"Get":                  {"GET", "/api/v1/namespaces/a/pods/p", asked{verb: "get", resource: "pods"}},
		"Namespaces":           {"GET", "/api/v1/namespaces", asked{verb: "list", resource: "namespaces"}},
		"Namespace":            {"GET", "/api/v1/namespaces/a", asked{verb: "get", resource: "namespaces"}},
		"NamespaceStatus":      {"PUT", "/api/v1/namespaces/a/status", asked{verb: "update", resource: "namespaces", subresource: "status"}},
		"Create":               {"POST", "/api/v1/namespaces/a/pods", asked{verb: "create", resource: "pods"}},
		"PatchStatus":          {"PATCH", "/api/v1/namespaces/a/pods/p/status", asked{verb: "patch", resource: "pods", subresource: "status"}},
		"Delete":               {"DELETE", "/api/v1/nodes/n", asked{verb: "delete", resource: "nodes"}},
		"DeleteCollection":     {"DELETE", "/api/v1/namespaces/a/pods", asked{verb: "deletecollection", resource: "pods"}},
		"NoResource":           {"GET", "/version", asked{verb: "get", resource: "/version"}},
		"Discovery":            {"GET", "/apis/apps/v1", asked{verb: "get", resource: "/apis/apps/v1"}},
		"Root":                 {"GET", "/", asked{verb: "get", resource: "/"}},
		"SubresourceWithAPath": {"GET", "/api/v1/nodes/n/proxy/stats/summary", asked{verb: "get", resource: "nodes", subresource: "proxy/stats/summary"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readRequest(httptest.NewRequest(tc.method, tc.url, nil))
			got.collection = ""
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(asked{})); diff != "" {
				t.Errorf("readRequest(%s %s): -want, +got:\n%s", tc.method, tc.url, diff)
			}
		})
	}
}
