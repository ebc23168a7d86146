package translate

import (
	"strings"
)

// Namespaces maps upstream namespaces to downstream ones. Its zero value keeps
// their names. No two upstream namespaces may lead to one downstream namespace.
type Namespaces struct {
	// Prefix comes before the names of all namespaces that Names does not have.
	Prefix string
	// Names maps single namespaces, by their upstream names.
	Names map[string]string
}

// Downstream returns the downstream namespace for an upstream one.
func (n Namespaces) Downstream(upstream string) string {
	if name, mapped := n.Names[upstream]; mapped {
		return name
	}
	return n.Prefix + upstream
}

// Upstream returns the upstream namespace that a downstream one stands for, and
// false when it stands for none.
func (n Namespaces) Upstream(downstream string) (string, bool) {
	for name, mapped := range n.Names {
		if mapped == downstream {
			return name, true
		}
	}
	upstream, prefixed := strings.CutPrefix(downstream, n.Prefix)
	if _, elsewhere := n.Names[upstream]; !prefixed || upstream == "" || elsewhere {
		return "", false
	}
	return upstream, true
}
