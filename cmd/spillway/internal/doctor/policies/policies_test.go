package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook"
)

func TestJudgeLabels(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		labels map[string]string
		want   string
	}{
		"none":       {reason: "nothing to say", labels: map[string]string{"kubernetes.io/metadata.name": "shop", "app": "virtual"}},
		"in":         {reason: "as it should be", labels: map[string]string{"virtual-pod": "true", "virtual-pods": "true"}},
		"out":        {reason: "so is this", labels: map[string]string{"virtual-pod": "false"}},
		"value":      {reason: "case matters", labels: map[string]string{"virtual-pod": "True"}, want: "label-value"},
		"plural":     {reason: "a letter more", labels: map[string]string{"virtual-pods": "true"}, want: "label-key"},
		"underscore": {reason: "another separator", labels: map[string]string{"virtual_pod": "true"}, want: "label-key"},
		"camel":      {reason: "another case", labels: map[string]string{"virtualPod": "true"}, want: "label-key"},
		"swapped":    {reason: "two letters off", labels: map[string]string{"virtual-pdo": "true"}, want: "label-key"},
		"prefixed":   {reason: "a prefix that it has not", labels: map[string]string{"spillway.io/virtual-pod": "true"}, want: "label-key"},
		"other":      {reason: "three letters off is another word", labels: map[string]string{"virtual-poem": "true", "virtual-node": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := JudgeLabels([]metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: tc.labels}}})
			got := ""
			for _, f := range found {
				got += f.Cause
				if !strings.Contains(f.Fix, "kubectl label --overwrite namespace shop virtual-pod=true") {
					t.Errorf("%s: it says to do %q", tc.reason, f.Fix)
				}
			}
			if got != tc.want {
				t.Errorf("%s: it finds %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		policy Policy
		want   []string
	}{
		"well":    {"nothing to say", Policy{Target: "Deployment web"}, nil},
		"refused": {"it was created while nobody judged", Policy{Refused: "spec.subsets: Required value"}, []string{"warning policy-refused"}},
		"missing": {"its workload is gone", Policy{Target: "Deployment web", Missing: true}, []string{"warning target-missing"}},
		"warned":  {"part of it is in vain", Policy{Warnings: []string{"a", "b"}}, []string{"note policy-warned"}},
		"all":     {"the worst first", Policy{Refused: "x", Warnings: []string{"a"}, Target: "Deployment web", Missing: true}, []string{"warning policy-refused", "warning target-missing", "note policy-warned"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.policy.Kind, tc.policy.Resource, tc.policy.Namespace, tc.policy.Name = "WorkloadSpread", "workloadspreads", "shop", "web"
			var got []string
			for _, f := range Judge(tc.policy) {
				got = append(got, string(f.Severity)+" "+f.Cause)
				if f.Object != "WorkloadSpread shop/web" || !strings.Contains(f.Fix, "kubectl edit workloadspreads -n shop web") {
					t.Errorf("%s: it says %+v", tc.reason, f)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestNotCheckedIsNotSeen: for what doctor may not read, nobody is sent to the
// webhook's log, nor to edit the policy.
func TestNotCheckedIsNotSeen(t *testing.T) {
	p := Policy{Kind: "WorkloadSpread", Resource: "workloadspreads", Namespace: "shop", Name: "web"}
	p.answer(true, "", []string{webhook.NotChecked + "whether patches fit; the log of Spillway's webhook says why", "a term is doubtful"})
	var texts []string
	for _, f := range Judge(p) {
		texts = append(texts, f.Text)
	}
	for _, u := range p.unseen() {
		texts = append(texts, u.What)
	}
	if diff := cmp.Diff([]string{"a term is doubtful", "WorkloadSpread shop/web: whether patches fit"}, texts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
