package nodes

import (
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/provider/claim"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// theNow is when everything below is judged.
func theNow() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func causes(t *testing.T, found []finding.Finding) []string {
	t.Helper()
	var all []string
	for _, f := range found {
		if f.Text == "" || f.Fix == "" || f.Object == "" {
			t.Errorf("it does not say all: %+v", f)
		}
		all = append(all, string(f.Severity)+" "+f.Cause)
	}
	return all
}

// well is a virtual node that nothing is wrong with.
func well() World {
	id := translate.Identity{UpstreamID: "up", Node: stash.VirtualNode{Name: "east"}}
	held := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: new("somebody"), RenewTime: &metav1.MicroTime{Time: theNow().Add(-3 * time.Second)}}}
	id.Mark(&held.ObjectMeta, "up")
	return World{
		Name: "east", Deployment: "system/spillway-node-east", DownstreamID: "down", Server: "https://down", Source: "a file",
		Node: &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "east", Annotations: map[string]string{"spillway.io/downstream": "down"}},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
		},
		Leader: held, Claim: held, ClaimName: "system/east.up", Claimant: claim.Claimant{Identity: id, Namespace: "system"}, Now: theNow(),
	}
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		change func(*World)
		want   []string
		text   string
	}{
		"well":    {reason: "nothing to say", change: func(*World) {}},
		"no-node": {reason: "a Deployment without a Node", change: func(w *World) { w.Node = nil }, want: []string{"error no-node"}, text: "Deployment system/spillway-node-east"},
		"not-ready": {
			reason: "the Node's own words", change: func(w *World) {
				w.Node.Status.Conditions[0] = corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Message: "downstream is away"}
			}, want: []string{"error not-ready"}, text: "downstream is away",
		},
		"unheard":   {reason: "its heartbeat ended", change: func(w *World) { w.Node.Status.Conditions[0].Status = corev1.ConditionUnknown }, want: []string{"error not-ready"}},
		"mute":      {reason: "it never had one", change: func(w *World) { w.Node.Status.Conditions = nil }, want: []string{"error not-ready"}},
		"cordoned":  {reason: "somebody is at it", change: func(w *World) { w.Node.Spec.Unschedulable = true }, want: []string{"warning cordoned"}},
		"elsewhere": {reason: "the kubeconfig was mixed up", change: func(w *World) { w.DownstreamID = "other" }, want: []string{"error another-cluster"}, text: "a file"},
		"untied":    {reason: "a node that never ran", change: func(w *World) { w.Node.Annotations = nil }},
		"no-leader": {reason: "no replica runs", change: func(w *World) { w.Leader = nil }, want: []string{"warning no-leader"}},
		"no-claim":  {reason: "none was made", change: func(w *World) { w.Claim = nil }, want: []string{"error no-claim"}},
		"given-up": {reason: "its holder went", change: func(w *World) {
			w.Claim = w.Claim.DeepCopy()
			w.Claim.Spec.HolderIdentity = nil
		}, want: []string{"error no-claim"}},
		"foreign": {reason: "somebody else's Lease", change: func(w *World) {
			w.Claim = w.Claim.DeepCopy()
			w.Claim.Labels = nil
		}, want: []string{"error foreign-claim"}},
		"silent": {reason: "its holder is dead", change: func(w *World) { w.Now = w.Now.Add(2 * time.Minute) }, want: []string{"error claim-not-renewed"}, text: "2m3s ago by somebody"},
		"unknown": {reason: "what was not read is not judged", change: func(w *World) {
			w.Claim, w.ClaimUnknown, w.Leader, w.LeaderUnknown, w.DownstreamID = nil, true, nil, true, ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := well()
			tc.change(&w)
			found := Judge(w)
			if diff := cmp.Diff(tc.want, causes(t, found)); diff != "" {
				t.Fatalf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if tc.text != "" && !strings.Contains(found[0].Text, tc.text) {
				t.Errorf("%s: it says %q, want %q", tc.reason, found[0].Text, tc.text)
			}
		})
	}
}

func TestJudgeAnswer(t *testing.T) {
	ca, err := certs.NewAuthority(rand.Reader, theNow().Add(-time.Hour), 24*time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	made := func(host string, lasts time.Duration) *x509.Certificate {
		pair, err := ca.Serving(rand.Reader, []string{host}, theNow().Add(-time.Hour), lasts, 0)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Certificate
	}
	const host = "east.example.com"
	for name, tc := range map[string]struct {
		reason string
		answer Answer
		want   []string
	}{
		"turned-away":  {"as it should be", Answer{Status: 401, Certificate: made(host, 2*time.Hour)}, nil},
		"let-in":       {"anybody may read logs", Answer{Status: 200, Certificate: made(host, 2*time.Hour)}, []string{"error stranger-let-in"}},
		"forbidden":    {"taken for somebody", Answer{Status: 403}, []string{"warning stranger-known"}},
		"expired":      {"kubectl logs fails", Answer{Status: 401, Certificate: made(host, time.Minute)}, []string{"warning expired"}},
		"wrong-host":   {"kubectl logs fails where it is verified", Answer{Status: 401, Certificate: made("x.example.com", 2*time.Hour)}, []string{"warning wrong-host"}},
		"two-troubles": {"both are told", Answer{Status: 200, Certificate: made(host, time.Minute)}, []string{"error stranger-let-in", "warning expired"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.answer.Node, tc.answer.Address, tc.answer.Host, tc.answer.Now = "east", host+":10250", host, theNow()
			if diff := cmp.Diff(tc.want, causes(t, JudgeAnswer(tc.answer))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
