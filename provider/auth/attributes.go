package auth

import (
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// attributes is what a request means to a kubelet: a verb on a subresource of its
// Node. Everything that has no subresource of its own is nodes/proxy, in
// particular what reaches into pods.
func attributes(node string, u user.Info, r *http.Request) authorizer.AttributesRecord {
	return authorizer.AttributesRecord{
		User:            u,
		Verb:            verb(r.Method),
		APIVersion:      "v1",
		Resource:        "nodes",
		Subresource:     subresource(r.URL.Path),
		Name:            node,
		ResourceRequest: true,
		Path:            r.URL.Path,
	}
}

// verb is empty, and so granted to nobody but those who may do everything, for
// methods that have none.
func verb(method string) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodGet:
		return "get"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	default:
		return ""
	}
}

func subresource(path string) string {
	switch {
	case isBelow(path, "/stats"):
		return "stats"
	case isBelow(path, "/metrics"):
		return "metrics"
	case isBelow(path, "/logs"):
		// The node's own logs. "log", as with pods/log.
		return "log"
	default:
		return "proxy"
	}
}

func isBelow(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}
