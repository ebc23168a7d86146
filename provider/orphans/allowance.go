package orphans

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// asked is what api.DeleteOrphansAnnotation says.
type asked struct {
	// value is empty when there is no annotation.
	value string
	// number is how many orphans may be deleted at most; 0 when the value is no
	// such number.
	number int
}

// allowance reads the annotation of the Node, which may be nil.
func allowance(node *corev1.Node) asked {
	if node == nil {
		return asked{}
	}
	a := asked{value: node.Annotations[api.DeleteOrphansAnnotation]}
	if n, err := strconv.Atoi(strings.TrimSpace(a.value)); err == nil && n > 0 {
		a.number = n
	}
	return a
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value string `json:"value,omitempty"`
}

// spending returns the JSON patch of a Node that removes the annotation, and fails when
// that does not say what was asked any more.
func spending(a asked) ([]byte, error) {
	path := "/metadata/annotations/" + strings.ReplaceAll(api.DeleteOrphansAnnotation, "/", "~1")
	patch, err := json.Marshal([]operation{{Op: "test", Path: path, Value: a.value}, {Op: "remove", Path: path}})
	if err != nil {
		return nil, fmt.Errorf("cannot encode the patch of the node: %w", err)
	}
	return patch, nil
}
