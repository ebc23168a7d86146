package faults

import (
	"net/http"
	"strings"
)

// asked is what a request wants from an API server.
type asked struct {
	verb, resource, subresource string
	// version is the resource version that a watch begins after; empty for the
	// others and for "any".
	version string
	// streams says that a watch begins with a list of what there is.
	streams bool
	// collection tells lists of the same objects, and watches of them, from others.
	collection string
}

func (a asked) kind() Kind {
	return Kind{Verb: a.verb, Resource: a.resource, Subresource: a.subresource}
}

// lists says that the answer holds all objects of the collection.
func (a asked) lists() bool { return a.verb == "list" || a.streams }

// readRequest reads the path as an API server does:
// /api/v1 or /apis/GROUP/VERSION, then [namespaces/NAMESPACE/]RESOURCE[/NAME[/SUBRESOURCE]].
func readRequest(r *http.Request) asked {
	other := asked{verb: strings.ToLower(r.Method), resource: r.URL.Path}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	prefix := map[string]int{"api": 2, "apis": 3}[parts[0]]
	if prefix == 0 || len(parts) <= prefix {
		return other
	}
	parts = parts[prefix:]
	// "namespaces/x" is the namespace itself, and so are its own subresources.
	if parts[0] == "namespaces" && len(parts) > 2 && parts[2] != "status" && parts[2] != "finalize" {
		parts = parts[2:]
	}
	parts = append(parts, "", "")[:max(3, len(parts))]
	a := asked{resource: parts[0], subresource: strings.Join(parts[2:], "/")}
	a.verb = verb(r, parts[1] != "")
	query := r.URL.Query()
	a.collection = r.URL.Path + "?" + query.Get("labelSelector") + "&" + query.Get("fieldSelector")
	if a.verb == "watch" {
		a.streams = query.Get("sendInitialEvents") == "true"
		if a.version = query.Get("resourceVersion"); a.version == "0" {
			a.version = ""
		}
	}
	return a
}

// verb names what is done, to one named object or to a collection.
func verb(r *http.Request, named bool) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		watch := r.URL.Query().Get("watch")
		switch {
		case watch == "1" || watch == "true":
			return "watch"
		case named:
			return "get"
		}
		return "list"
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodDelete:
		if !named {
			return "deletecollection"
		}
	}
	return strings.ToLower(r.Method)
}
