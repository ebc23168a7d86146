package explain

import "testing"

func TestParse(t *testing.T) {
	cases := map[string]struct {
		args  []string
		kind  string
		group string
		fails bool
	}{
		"short":        {args: []string{"po", "a"}, kind: "Pod"},
		"plural":       {args: []string{"pods/a"}, kind: "Pod"},
		"case":         {args: []string{"Deployment", "a"}, kind: "Deployment", group: "apps"},
		"group":        {args: []string{"deployments.apps/a"}, kind: "Deployment", group: "apps"},
		"version":      {args: []string{"deployments.v1.apps/a"}, kind: "Deployment", group: "apps"},
		"kruise":       {args: []string{"statefulset.apps.kruise.io/a"}, kind: "StatefulSet", group: "apps.kruise.io"},
		"first-of-two": {args: []string{"sts", "a"}, kind: "StatefulSet", group: "apps"},
		"unknown":      {args: []string{"service", "a"}, fails: true},
		"no-name":      {args: []string{"pod"}, fails: true},
		"two-names":    {args: []string{"pod", "a/b"}, fails: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			kind, object, err := Parse(c.args)
			if (err != nil) != c.fails {
				t.Fatalf("error %v", err)
			}
			if !c.fails && (kind.Kind != c.kind || kind.Group != c.group || object != "a") {
				t.Errorf("got %s %q", kind.GroupVersionKind, object)
			}
		})
	}
}
