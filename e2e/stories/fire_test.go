package stories

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// underFire is a stage with a webhook that is harassed, in a cluster where nobody
// schedules the pods: it is their admission that counts.
type underFire struct {
	stage
	quiet playground.Usage
}

// parallel is how many pods are created at a time.
const parallel = 64

// TestWebhookUnderFire are the stories of a webhook that is asked much, and by
// many. At the end it must not hold more memory than a few requests explain.
func TestWebhookUnderFire(t *testing.T) {
	t.Parallel()
	f := setUnderFire(t)
	t.Run("policies change", f.policiesChange)
	t.Run("a thousand subsets", f.thousandSubsets)
	t.Run("large sidecars", f.largeSidecars)
	t.Run("hostile clients", f.hostileClients)

	text, err := playground.Read(t.Context(), f.webhook.Metrics+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if failed := samples(text, "spillway_admissions_total", `outcome="failed"`, `reason="mutate"`); failed > 0 {
		t.Errorf("%v admissions failed for a fault of ours", failed)
	}
}

func setUnderFire(t *testing.T) *underFire {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	t.Cleanup(cancel)
	f := &underFire{stage: shared}
	var err error
	f.upstream, err = playground.Start(ctx, playground.Options{
		Name: "fire", Dir: shared.dir, Binaries: shared.binaries.Upstream,
		Without: []playground.Component{playground.Scheduler, playground.Kwok},
		Nodes: []*corev1.Node{ownNode("own-1"), playground.FakeNode("east", playground.Label("clusterID", "east"),
			playground.Label("type", "virtual-kubelet"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, f.upstream.Stop)
	if err := f.upstream.InstallCRDs(ctx, playground.CloneSetCRD); err != nil {
		t.Fatal(err)
	}
	f.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: f.spillway, Upstream: f.upstream})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, f.webhook.Stop)
	if err := f.webhook.WaitPolicies(ctx); err != nil {
		t.Fatal(err)
	}
	f.quiet = f.usage(t)
	return f
}

func (f *underFire) usage(t *testing.T) playground.Usage {
	t.Helper()
	usage, err := f.webhook.Usage()
	if err != nil {
		t.Fatal(err)
	}
	return usage
}

// holdsLittle tells how much memory the webhook has, and wants no more than that.
func (f *underFire) holdsLittle(t *testing.T, what string, most uint64) {
	t.Helper()
	const mega = 1 << 20
	now := f.usage(t)
	t.Logf("%s; the webhook holds %d MB, quiet it was %d MB", what, now.Resident/mega, f.quiet.Resident/mega)
	if now.Resident > most {
		t.Errorf("the webhook holds %d MB, want %d MB at most", now.Resident/mega, most/mega)
	}
}

// unrecorded is how often the webhook could not count or record slots within the time
// that pods can wait, as happens if the API server is slow. Pods pass over them then.
func (f *underFire) unrecorded(t *testing.T) float64 {
	t.Helper()
	return unrecorded(t, f.webhook)
}

// unrecorded is the same of several webhooks together.
func unrecorded(t *testing.T, webhooks ...*playground.Webhook) (times float64) {
	t.Helper()
	for _, webhook := range webhooks {
		text, err := playground.Read(t.Context(), webhook.Metrics+"/metrics")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if name, value, ok := sample(line); ok && name == "spillway_spread_unrecorded_total" {
				times += value
			}
		}
		times += samples(text, "spillway_admissions_total", `reason="spread"`)
	}
	return times
}

// creation is a pod as it was admitted, and when that was.
type creation struct {
	pod          *corev1.Pod
	began, ended time.Time
	err          error
}

func took(all []creation) (took []time.Duration) {
	for _, c := range all {
		took = append(took, c.ended.Sub(c.began))
	}
	return took
}

// createsInParallel creates n pods of an owner, so many at a time.
func (s *story) createsInParallel(n, atATime int, owner metav1.OwnerReference) []creation {
	s.Helper()
	return s.createsAll(func(yield func(*corev1.Pod) bool) {
		for i := range n {
			pod := ofApp(newPod(fmt.Sprintf("web-%04d", i)), "web")
			pod.OwnerReferences = []metav1.OwnerReference{owner}
			if !yield(pod) {
				return
			}
		}
	}, atATime)
}

// createsAll creates pods, so many at a time, of which none may be refused.
func (s *story) createsAll(pods iter.Seq[*corev1.Pod], atATime int) (all []creation) {
	s.Helper()
	next := make(chan *corev1.Pod)
	var creating sync.WaitGroup
	var mu sync.Mutex
	for range atATime {
		creating.Go(func() {
			for pod := range next {
				c := creation{began: time.Now()}
				c.pod, c.err = s.upstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, pod, metav1.CreateOptions{})
				c.ended = time.Now()
				mu.Lock()
				all = append(all, c)
				mu.Unlock()
			}
		})
	}
	for pod := range pods {
		next <- pod
	}
	close(next)
	creating.Wait()
	for _, c := range all {
		if c.err != nil {
			s.Fatalf("a pod was refused: %v", c.err)
		}
	}
	return all
}

// thousandSubsets: as many pods get a subset each.
func (f *underFire) thousandSubsets(t *testing.T) {
	s := tellOn(t, f.stage, nil)
	var subsets strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&subsets, "  - {name: s-%03d, maxReplicas: 1, requiredNodeSelectorTerm: {matchExpressions: [{key: pool, operator: In, values: [p-%03d]}]}}\n", i, i)
	}
	s.spreads(fmt.Sprintf(manySubsets, subsets.String()))
	owner := s.appliesCloneSet(1000)
	before := f.unrecorded(t)
	const pods, atATime = 2 * parallel, parallel
	all := s.createsInParallel(pods, atATime, owner)
	got := make(map[string]int)
	for _, c := range all {
		got[subsetOf(c.pod)]++
	}
	// On a slow machine an API server may take longer to record so many slots than
	// pods can wait. They come without a subset then, and never two into one.
	without := got[""]
	if without > 0 && f.unrecorded(t) == before {
		t.Errorf("%d pods have no subset although all slots could be recorded", without)
	}
	for i := range pods - without {
		if name := fmt.Sprintf("s-%03d", i); got[name] != 1 {
			t.Errorf("subset %s has %d pods, want 1; %d have none", name, got[name], without)
		}
	}
	s.eventually("the status counts all", func(context.Context) error {
		ws, err := s.workloadSpread()
		if err != nil {
			return err
		}
		counted := 0
		for _, subset := range ws.Status.SubsetStatuses {
			counted += int(subset.Replicas)
		}
		if counted != pods-without || len(ws.Status.SubsetStatuses) != 1000 {
			return fmt.Errorf("%d pods in %d subsets", counted, len(ws.Status.SubsetStatuses))
		}
		return nil
	})
	f.holdsLittle(t, fmt.Sprintf("%d pods, %d at a time, %d of them without a subset: p50 %s, p99 %s", pods, atATime, without,
		percentile(took(all), 0.5), percentile(took(all), 0.99)), 400<<20)
}

const manySubsets = `
apiVersion: apps.kruise.io/v1alpha1
kind: WorkloadSpread
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, name: web}
  subsets:
%s`

// largeSidecars: a set as large as an API server takes it comes into pods; a second
// that makes them too large for it is told, and the pods come without.
func (f *underFire) largeSidecars(t *testing.T) {
	s := tellOn(t, f.stage, nil)
	set := func(name string, kilobytes int) string {
		return fmt.Sprintf(`
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata: {name: %[1]s}
spec:
  namespace: %[2]s
  selector: {matchLabels: {app: web}}
  containers:
  - {name: %[1]s, image: "agent:1", env: [{name: SETTINGS, value: %[3]s}]}
`, name, s.namespace, strings.Repeat("x", kilobytes<<10))
	}
	s.createsSet("large", set("large", 900))
	s.eventually("it is injected", s.hasContainers(2))
	owner := s.appliesCloneSet(1000)
	const pods, atATime = 16, 4
	all := s.createsInParallel(pods, atATime, owner)
	for _, c := range all {
		if container(c.pod, "large").Name == "" {
			t.Fatalf("pod %s has no sidecar", c.pod.Name)
		}
	}
	f.holdsLittle(t, fmt.Sprintf("%d pods of 1 MB, %d at a time: p50 %s, p99 %s", pods, atATime, percentile(took(all), 0.5), percentile(took(all), 0.99)), 600<<20)

	s.createsSet("larger", set("larger", 300))
	s.eventually("both together are not", s.hasContainers(1))
	_, warnings := s.creates(ofApp(newPod("without"), "web"))
	if !strings.Contains(warnings, "more than the limit of 1048576") {
		t.Errorf("kubectl says %q", warnings)
	}
}

// createsSet creates a SidecarSet that is too large for kubectl apply, which keeps it
// in an annotation.
func (s *story) createsSet(name, manifest string) {
	s.Helper()
	_, _, err := s.upstream.Kubectl(s.ctx, manifest, "create", "-f", "-")
	s.must("create a SidecarSet", err)
	s.finally(s.deletesSet(name))
}

func ofApp(pod *corev1.Pod, app string) *corev1.Pod {
	pod.Labels["app"] = app
	return pod
}

// hasContainers says whether a new pod would have so many.
func (s *story) hasContainers(n int) func(context.Context) error {
	return func(ctx context.Context) error {
		pod, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(ctx, ofApp(newPod("try"), "web"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && len(pod.Spec.Containers) != n {
			err = fmt.Errorf("a pod has %d containers, want %d", len(pod.Spec.Containers), n)
		}
		return err
	}
}
