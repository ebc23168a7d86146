package stories

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestFourShareOneDownstream: two upstream clusters with two virtual nodes each, of
// the same two names, share one downstream cluster. Whatever becomes of one, up to
// its removal for good, the others' objects stay exactly as they are.
func TestFourShareOneDownstream(t *testing.T) {
	s := tell(t, nil)
	second := s.onSecondUpstream()
	red := s.tenant("red", s.namespace)
	blue := s.tenant("blue", "blue-"+s.namespace, "--namespace-prefix=blue-")
	secondRed := second.tenant("red", "second-red-"+s.namespace, "--namespace-prefix=second-red-", "--reflect-services") // of which there are none, but it looks
	secondBlue := second.tenant("blue", s.namespace+"-x", fmt.Sprintf("--namespace-map=%[1]s=%[1]s-x,%[1]s-x=%[1]s", s.namespace))
	all := tenants{red, blue, secondRed, secondBlue}
	all.run("one")
	all.run("two")

	all.during("kill -9 and a new start", tenants{red}, func() {
		s.must("kill "+red.name, red.node.Kill())
		s.must("start "+red.name, red.node.Start())
		red.run("red-again")
	})
	all.during("an orderly restart", tenants{secondBlue}, func() {
		s.must("restart "+secondBlue.name, secondBlue.node.Restart(s.ctx))
		secondBlue.run("blue-again")
	})
	all.during("the deletion of a pod, and a new one", tenants{red, secondBlue}, func() {
		red.delete("red-one")
		s.eventually("it is gone", func(ctx context.Context) error {
			return errors.Join(isGone(ctx, red.upstream, red.namespace, "red-one"), isGone(ctx, s.downstream, red.below, "red-one"))
		})
		red.run("red-three")
		secondBlue.run("blue-three")
	})
	rest := tenants{red, blue, secondBlue}
	rest.during("the removal of one for good", nil, secondRed.removeForGood)
	rest.during("new pods of all others", rest, func() { rest.run("four") })

	shares := s.namespace + "-both"
	red, secondBlue = red.in(shares), secondBlue.in(shares)
	red.create(aimed("web", "red"))
	red.seesRunning("web")
	secondBlue.create(aimed("web", "blue"))
	s.eventually("the second pod of that name waits for the first", func(ctx context.Context) error {
		return secondBlue.waitsFor(ctx, "web", s.clusterID(), "red")
	})
	red.delete("web")
	secondBlue.seesRunning("web")
}

// onSecondUpstream is the story in another upstream cluster.
func (s *story) onSecondUpstream() *story {
	s.Helper()
	cluster, err := playground.Start(s.ctx, playground.Options{
		Name: "second", Dir: s.dir, Binaries: s.binaries.Upstream,
		ExtraArgs: map[playground.Component][]string{playground.APIServer: {noStreamedLists}},
	})
	s.must("start the second upstream cluster", err)
	s.finally(cluster.Stop)
	second := *s
	second.upstream = cluster
	s.must("create the story's namespace there", cluster.CreateNamespace(s.ctx, s.namespace, map[string]string{"virtual-pod": "true"}))
	return &second
}

// withdraw deletes the Node of a virtual node whose process has stopped, for other
// stories' pods not to wait for it.
func (s *story) withdraw(ctx context.Context, node string) error {
	err := s.upstream.Client().CoreV1().Nodes().Delete(ctx, node, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (s *story) clusterID() string {
	s.Helper()
	namespace, err := s.upstream.Client().CoreV1().Namespaces().Get(s.ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	s.must("read the cluster's id", err)
	return string(namespace.UID)
}

// tenant is a virtual node that shares the downstream cluster with others.
type tenant struct {
	*story
	name string
	// below is where the story's namespace leads downstream.
	below string
	node  *playground.VirtualNode
}

func (s *story) tenant(name, below string, args ...string) *tenant {
	s.Helper()
	node, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: name, Upstream: s.upstream, Downstream: s.downstream,
		Labels: map[string]string{"clusterID": name}, ExtraArgs: args,
	})
	s.must("start virtual node "+name, err)
	s.finally(func(ctx context.Context) error {
		return errors.Join(node.Stop(ctx), s.withdraw(ctx, name))
	})
	tenant := &tenant{s, s.upstream.Name() + "'s " + name, below, node}
	tenant.applies(manifest(s.T, settings(tenant.name)) + "---\n" + manifest(s.T, keys(tenant.name)))
	return tenant
}

// in is the tenant in another namespace, which has the same name downstream.
func (t *tenant) in(namespace string) *tenant {
	t.Helper()
	beside := *t.story
	beside.namespace = namespace
	t.must("create the namespace "+namespace, t.upstream.CreateNamespace(t.ctx, namespace, nil))
	return &tenant{&beside, t.name, namespace, t.node}
}

func (t *tenant) create(pod *corev1.Pod) {
	t.Helper()
	_, err := t.upstream.Client().CoreV1().Pods(t.namespace).Create(t.ctx, pod, metav1.CreateOptions{})
	t.must("create pod "+pod.Name+" of "+t.name, err)
}

// run has a pod run that refers to a ConfigMap and a Secret.
func (t *tenant) run(pod string) {
	t.Helper()
	created, wanted := refers(pod, t.nodeName(), "settings", "keys", false), aimed(pod, t.nodeName())
	created.Labels, created.Spec.NodeSelector, created.Spec.Tolerations = nil, wanted.Spec.NodeSelector, wanted.Spec.Tolerations
	t.create(created)
	t.seesRunning(pod)
}

func (t *tenant) seesRunning(pod string) {
	t.Helper()
	t.eventually(t.name+" runs "+pod, func(ctx context.Context) error {
		return errors.Join(
			runs(ctx, t.upstream.Client().CoreV1().Pods(t.namespace), pod),
			runs(ctx, t.downstream.Client().CoreV1().Pods(t.below), pod))
	})
}

func (t *tenant) delete(pod string) {
	t.Helper()
	t.must("delete pod "+pod+" of "+t.name, t.upstream.Client().CoreV1().Pods(t.namespace).Delete(t.ctx, pod, metav1.DeleteOptions{}))
}

// removeForGood is what an operator does who gives a virtual node up.
func (t *tenant) removeForGood() {
	t.Helper()
	node := t.nodeName()
	t.must("stop "+t.name, t.node.Stop(t.ctx))
	t.must("delete the Node", t.upstream.Client().CoreV1().Nodes().Delete(t.ctx, node, metav1.DeleteOptions{}))
	t.must("delete its pods", t.upstream.Client().CoreV1().Pods(t.namespace).DeleteCollection(t.ctx,
		metav1.DeleteOptions{GracePeriodSeconds: new(int64)}, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node}))
	t.must("delete its Lease", t.downstream.Client().CoordinationV1().Leases("spillway-system").Delete(t.ctx, node+"."+t.clusterID(), metav1.DeleteOptions{}))
	below := t.downstream.Client().CoreV1().Pods(t.below)
	t.must("delete its pods downstream", below.DeleteCollection(t.ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	t.eventually("its pods are gone downstream", func(ctx context.Context) error {
		left, err := below.List(ctx, metav1.ListOptions{})
		if err == nil && len(left.Items) > 0 {
			err = fmt.Errorf("%d are left", len(left.Items))
		}
		return err
	})
	namespaces := t.downstream.Client().CoreV1().Namespaces()
	t.must("delete its namespace downstream", namespaces.Delete(t.ctx, t.below, metav1.DeleteOptions{}))
	t.eventually("its namespace is gone downstream", func(ctx context.Context) error {
		_, err := namespaces.Get(ctx, t.below, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
}

// waitsFor says whether a pod is Pending for a downstream pod of another cluster's
// virtual node, and says so.
func (t *tenant) waitsFor(ctx context.Context, pod, cluster, node string) error {
	waiting, err := t.upstream.Client().CoreV1().Pods(t.namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	described, _, err := t.upstream.Kubectl(ctx, "", "describe", "pod", "-n", t.namespace, pod)
	if err != nil {
		return err
	}
	names := fmt.Sprintf("belongs to upstream cluster %q, virtual node %q", cluster, node)
	if waiting.Status.Phase != corev1.PodPending || !strings.Contains(described, "DownstreamConflict") || !strings.Contains(described, names) {
		return fmt.Errorf("it is %s, and not said to wait for what %s:\n%s", waiting.Status.Phase, names, described)
	}
	return nil
}

// state is a checksum of every object of the tenant, by where and what it is.
func (t *tenant) state() map[string]string {
	t.Helper()
	sums := make(map[string]string)
	note := func(where, name string, object any) {
		sums[t.name+": "+where+" "+name] = fmt.Sprintf("%x", sha256.Sum256([]byte(toJSON(t.T, object))))
	}
	above, err := t.upstream.Client().CoreV1().Pods(t.namespace).List(t.ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + t.nodeName()})
	t.must("list the pods upstream", err)
	for _, pod := range above.Items {
		note("upstream pod", pod.Name, pod)
	}
	client := t.downstream.Client().CoreV1()
	below, err := client.Pods(t.below).List(t.ctx, metav1.ListOptions{})
	t.must("list the pods downstream", err)
	for _, pod := range below.Items {
		note("downstream pod", pod.Name, pod)
	}
	configMaps, err := client.ConfigMaps(t.below).List(t.ctx, metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"})
	t.must("list the ConfigMaps downstream", err)
	for _, configMap := range configMaps.Items {
		note("ConfigMap", configMap.Name, configMap)
	}
	secrets, err := client.Secrets(t.below).List(t.ctx, metav1.ListOptions{})
	t.must("list the Secrets downstream", err)
	for _, secret := range secrets.Items {
		note("Secret", secret.Name, secret)
	}
	namespace, err := client.Namespaces().Get(t.ctx, t.below, metav1.GetOptions{})
	t.must("get the namespace downstream", err)
	note("namespace", namespace.Name, namespace)
	return sums
}

func (t *tenant) nodeName() string {
	_, name, _ := strings.Cut(t.name, "'s ")
	return name
}

type tenants []*tenant

// run has each run a pod, named after its virtual node.
func (all tenants) run(pod string) {
	for _, t := range all {
		t.Helper()
		t.run(t.nodeName() + "-" + pod)
	}
}

// during does something, after which nothing may have changed. Those that it is
// about may have more objects, and fewer, but none that is another.
func (all tenants) during(what string, about tenants, do func()) {
	for _, t := range all {
		t.Helper()
	}
	before := make(map[*tenant]map[string]string)
	for _, t := range all {
		before[t] = t.state()
	}
	do()
	for _, t := range all {
		after := t.state()
		for object, sum := range before[t] {
			if left := after[object]; left != "" && left != sum {
				t.Errorf("%s has changed %s", what, object)
			}
		}
		had, has := slices.Sorted(maps.Keys(before[t])), slices.Sorted(maps.Keys(after))
		if !slices.Contains(about, t) && !slices.Equal(had, has) {
			t.Errorf("%s: %s had %q and has %q", what, t.name, had, has)
		}
	}
}
