package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChartRoles: the chart's own templates give rights, and more of them where its
// values ask for more.
func TestChartRoles(t *testing.T) {
	in := Installed{FullName: "spillway", Namespace: "system", CertificateMode: "self", CertificateSecret: "certs", KubeletCertificate: "csr"}
	for name, tc := range map[string]struct {
		component string
		in        Installed
		has, not  []Right
	}{
		"webhook-self": {
			component: "webhook", in: in,
			has: []Right{
				{Role: "spillway:webhook", Resource: "pods", Verb: "patch"},
				{Role: "spillway:webhook", Namespace: "system", Resource: "secrets", Name: "certs", Verb: "update"},
				{Role: "spillway:webhook", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Name: "spillway-policies", Verb: "patch"},
			},
		},
		"webhook-provided": {
			component: "webhook", in: Installed{FullName: "x", Namespace: "system", CertificateMode: "provided"},
			has: []Right{{Role: "x:webhook", Resource: "pods", Verb: "patch"}},
			not: []Right{{Role: "x:webhook", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Name: "x-policies", Verb: "patch"}},
		},
		"node-csr": {
			component: "node", in: in,
			has: []Right{
				{Role: "spillway:node", Group: "certificates.k8s.io", Resource: "certificatesigningrequests", Verb: "create"},
				{Role: "spillway:node", Namespace: "system", Group: "coordination.k8s.io", Resource: "leases", Verb: "update"},
				{Role: "spillway:node", Namespace: "kube-node-lease", Group: "coordination.k8s.io", Resource: "leases", Verb: "update"},
			},
		},
		"node-files": {
			component: "node", in: Installed{FullName: "spillway", Namespace: "system", KubeletCertificate: "files"},
			not: []Right{{Role: "spillway:node", Group: "certificates.k8s.io", Resource: "certificatesigningrequests", Verb: "create"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			manifest, err := chartRoles(tc.component, tc.in)
			if err != nil {
				t.Fatal(err)
			}
			rights, err := rightsIn(manifest)
			if err != nil {
				t.Fatal(err)
			}
			there := map[Right]bool{}
			for _, r := range rights {
				there[r] = true
			}
			for _, r := range tc.has {
				if !there[r] {
					t.Errorf("it lacks %+v", r)
				}
			}
			for _, r := range tc.not {
				if there[r] {
					t.Errorf("it has %+v", r)
				}
			}
			if len(rights) < 40 {
				t.Errorf("there are only %d rights", len(rights))
			}
		})
	}
}

// TestDownstreamRights: every rule in the file is asked about, also those without a
// resource, and those in one namespace.
func TestDownstreamRights(t *testing.T) {
	manifest, err := DownstreamRoles("claims", "runner")
	if err != nil {
		t.Fatal(err)
	}
	rights, err := rightsIn(manifest)
	if err != nil {
		t.Fatal(err)
	}
	there := map[Right]bool{}
	for _, r := range rights {
		there[r] = true
	}
	for _, r := range []Right{
		{Role: "spillway:node-downstream", Resource: "pods", Verb: "delete"},
		{Role: "spillway:node-downstream", Path: "/readyz", Verb: "get"},
		{Role: "spillway:node-downstream", Namespace: "claims", Group: "coordination.k8s.io", Resource: "leases", Verb: "update"},
		{Role: metricsRole, Resource: "nodes/proxy", Verb: "get"},
	} {
		if !there[r] {
			t.Errorf("nobody asks about %+v", r)
		}
	}
}

func TestJudgeDownstream(t *testing.T) {
	pods := func(verb string) Right { return Right{Resource: "pods", Verb: verb} }
	account := Holder{Node: "east", User: "system:serviceaccount:system:runner", ClaimNamespace: "system", Source: "a file"}
	for name, tc := range map[string]struct {
		reason  string
		holder  Holder
		lacking []Right
		want    []string
		text    string
		fix     string
	}{
		"all": {reason: "nothing is missing", holder: account},
		"needed": {
			reason: "verbs of one resource are told together", holder: account, lacking: []Right{pods("create"), {Resource: "nodes", Verb: "list"}, pods("delete")},
			want: []string{"error"}, text: "create, delete pods; list nodes", fix: "spillway doctor --print-downstream-rbac --namespace system --service-account runner | kubectl",
		},
		"useful": {
			reason: "what one can do without is less bad", holder: account, lacking: []Right{{Resource: "pods/log", Verb: "get"}},
			want: []string{"warning"}, text: "kubectl logs does not work",
		},
		"somebody-else": {
			reason: "roles are bound to ServiceAccounts; others have to be bound by hand", holder: Holder{User: "jo", ClaimNamespace: "system"},
			lacking: []Right{{Path: "/readyz", Verb: "get"}}, want: []string{"error"}, text: "get /readyz", fix: "bind its roles to jo",
		},
		"one-of-two":     {reason: "either will do", holder: account, lacking: []Right{{Role: metricsRole, Resource: "nodes/proxy", Verb: "get"}}},
		"neither-of-two": {reason: "both are missing", holder: account, lacking: []Right{{Role: metricsRole, Resource: "nodes/proxy", Verb: "get"}, {Role: metricsRole, Group: "metrics.k8s.io", Resource: "pods", Verb: "list"}}, want: []string{"note"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := JudgeDownstream(tc.holder, tc.lacking)
			var got []string
			for _, f := range found {
				got = append(got, string(f.Severity))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if len(found) > 0 && (!strings.Contains(found[0].Text, tc.text) || !strings.Contains(found[0].Fix, tc.fix)) {
				t.Errorf("%s: it says %q, do %q", tc.reason, found[0].Text, found[0].Fix)
			}
		})
	}
}

func TestJudgeUpstream(t *testing.T) {
	s := Subject{Component: "node", Namespace: "system", Name: "spillway-node", Release: "spillway"}
	if found := JudgeUpstream(s, nil); found != nil {
		t.Errorf("of nothing it says %+v", found)
	}
	found := JudgeUpstream(s, []Right{{Namespace: "system", Group: "coordination.k8s.io", Resource: "leases", Verb: "update"}, {Resource: "secrets", Name: "certs", Verb: "get"}})
	want := "the node may not do what it has to: update leases.coordination.k8s.io in namespace system; get secrets certs"
	if len(found) != 1 || found[0].Text != want || !strings.Contains(found[0].Fix, "helm upgrade spillway CHART --namespace system") {
		t.Errorf("it says %+v", found)
	}
}
