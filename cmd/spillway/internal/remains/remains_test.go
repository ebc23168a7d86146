package remains

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var update = flag.Bool("update", false, "rewrite the golden texts; read the diff before committing it")

// TestText: what is printed, whole.
func TestText(t *testing.T) {
	many := Survey{UpstreamID: "id", Namespace: "spillway-system", Nodes: []string{"east"}}
	for i := range 25 {
		many.Pods = append(many.Pods, fmt.Sprintf("shop/web-%d", i))
	}
	many.Evicted = 25
	forbidden := Unknown{"volumes", `persistentvolumes is forbidden: User "x" cannot list`}
	for name, s := range map[string]Survey{
		"nothing": {UpstreamID: "id", Namespace: "spillway-system"},
		"everything": {
			UpstreamID: "0b1c", Namespace: "spillway-system",
			Nodes: []string{"east", "west"}, Pods: []string{"shop/db-0", "shop/web-1", "shop/web-2"}, Evicted: 2,
			Volumes: []string{"pvc-1"}, Spreads: []string{"shop/web"}, Sets: []string{"logs"},
			CRDs:   []string{"workloadspreads.apps.kruise.io", "sidecarsets.apps.kruise.io"},
			Leases: []string{"spillway-webhook", "spillway-node-east"}, Secrets: []string{"east-kubeconfig"},
			Mutating: []string{"spillway"}, Validating: []string{"spillway-policies"},
			Downstream: []Downstream{
				{Kubeconfig: "east.yaml", Kinds: []Kind{{"pods", 3, false}, {"secrets", 2, false}, {"persistentvolumeclaims", 1, true}}},
				{Kubeconfig: "west.yaml"},
			},
		},
		"many": many,
		"few-rights": {
			Namespace: "spillway-system", Nodes: []string{"east"},
			Unknown:    []Unknown{{"pods on east", "no answer in time"}, forbidden, {"Leases", "no answer in time"}},
			Downstream: []Downstream{{Kubeconfig: "east.yaml", Unknown: []Unknown{{"everything", "cannot load the cluster configuration"}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(s.Text()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), s.Text()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestIsEvicted(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	lost := func(seconds *int64) corev1.Toleration {
		return corev1.Toleration{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: seconds}
	}
	for name, tc := range map[string]struct {
		reason      string
		tolerations []corev1.Toleration
		want        bool
	}{
		"none":          {"Kubernetes evicts at once what does not tolerate", nil, true},
		"for-a-while":   {"the default of every pod", []corev1.Toleration{lost(seconds(300))}, true},
		"for-ever":      {"on-node-loss: stay", []corev1.Toleration{lost(nil)}, false},
		"all-for-ever":  {"a toleration of everything", []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, false},
		"first-decides": {"one without an end that comes second says nothing", []corev1.Toleration{lost(seconds(300)), lost(nil)}, true},
		"other":         {"the taint of the provider is another one", []corev1.Toleration{{Key: "virtual-kubelet.io/provider", Operator: corev1.TolerationOpExists}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isEvicted(&corev1.Pod{Spec: corev1.PodSpec{Tolerations: tc.tolerations}}); got != tc.want {
				t.Errorf("%s: evicted is %t", tc.reason, got)
			}
		})
	}
}

func TestGoes(t *testing.T) {
	for name, tc := range map[string]struct {
		reason      string
		annotations map[string]string
		want        bool
	}{
		"nobody's": {"made while Spillway ran", nil, false},
		"helm's":   {"made by the chart", map[string]string{releaseAnnotation: "spillway"}, true},
		"kept":     {"made by the chart, which leaves it", map[string]string{releaseAnnotation: "spillway", policyAnnotation: policyKeep}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := goes(&metav1.ObjectMeta{Annotations: tc.annotations}); got != tc.want {
				t.Errorf("%s: it goes is %t", tc.reason, got)
			}
		})
	}
}
