package stories

import (
	"context"
	"path/filepath"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// replicated is a stage with several webhook replicas behind one address, in a
// cluster where nobody schedules the pods: it is their admission that counts.
type replicated struct {
	stage
	balancer *playground.Balancer
	replicas []*playground.Webhook
}

// nobodyLeads gives the lease of the leader, who keeps the status, to somebody
// who does not exist: what is written then is written by admission.
func (r *replicated) nobodyLeads(t *testing.T) {
	t.Helper()
	if err := r.upstream.CreateNamespace(t.Context(), "spillway-system", nil); err != nil {
		t.Fatal(err)
	}
	nobody, long, now := "nobody", int32(3600), metav1.NowMicro()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "spillway-webhook"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &nobody, LeaseDurationSeconds: &long, AcquireTime: &now, RenewTime: &now},
	}
	if _, err := r.upstream.Client().CoordinationV1().Leases("spillway-system").Create(t.Context(), lease, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (r *replicated) anybodyLeads(t *testing.T) {
	t.Helper()
	err := r.upstream.Client().CoordinationV1().Leases("spillway-system").Delete(t.Context(), "spillway-webhook", metav1.DeleteOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func replicatedStage(t *testing.T) *replicated {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	t.Cleanup(cancel)
	r := &replicated{stage: shared}
	var err error
	r.upstream, err = playground.Start(ctx, playground.Options{
		Name: "replicated", Dir: filepath.Join(shared.dir, t.Name()), Binaries: shared.binaries.Upstream,
		Audit:   auditNothing,
		Without: []playground.Component{playground.Scheduler, playground.Kwok},

		ExtraArgs: map[playground.Component][]string{playground.APIServer: {noStreamedLists}},
		Nodes: []*corev1.Node{ownNode("own-1"), playground.FakeNode("east", playground.Label("clusterID", "east"),
			playground.Label("type", "virtual-kubelet"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, r.upstream.Stop)
	if r.balancer, err = playground.StartBalancer(ctx, r.upstream); err != nil {
		t.Fatal(err)
	}
	atEnd(t, r.balancer.Stop)
	if err := r.upstream.InstallCRDs(ctx, playground.CloneSetCRD); err != nil {
		t.Fatal(err)
	}
	return r
}

func atEnd(t *testing.T, stop func(context.Context) error) {
	t.Cleanup(func() {
		if err := within(stop)(); err != nil {
			t.Error(err)
		}
	})
}

// starts adds a replica.
func (r *replicated) starts(t *testing.T, name string) {
	t.Helper()
	webhook, err := playground.StartWebhook(t.Context(), playground.WebhookOptions{
		Binary: r.spillway, Upstream: r.upstream, Name: "webhook-" + name, Balancer: r.balancer,
	})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, webhook.Stop)
	r.replicas = append(r.replicas, webhook)
}
