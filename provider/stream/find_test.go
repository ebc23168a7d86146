package stream

import (
	"context"
	"errors"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// cluster is one that has a single pod, or none.
type cluster struct {
	client.Reader
	pod *corev1.Pod
	err error
}

func (c cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	switch {
	case c.err != nil:
		return c.err
	case c.pod == nil || client.ObjectKeyFromObject(c.pod) != key:
		return apierrors.NewNotFound(corev1.Resource("pods"), key.Name)
	}
	c.pod.DeepCopyInto(into.(*corev1.Pod))
	return nil
}

// TestFind: nobody reaches a downstream pod but through the upstream pod that it
// stands for.
func TestFind(t *testing.T) {
	id := translate.Identity{UpstreamID: "up", Node: stash.VirtualNode{Name: "east"}}
	above := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"},
		Spec: corev1.PodSpec{
			NodeName:            "east",
			InitContainers:      []corev1.Container{{Name: "init"}},
			Containers:          []corev1.Container{{Name: "app"}},
			EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}},
		},
	}
	below := func(change func(*corev1.Pod)) *corev1.Pod {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "9"}}
		id.Mark(&pod.ObjectMeta, "1")
		change(pod)
		return pod
	}
	ours := below(func(*corev1.Pod) {})
	elsewhere := above.DeepCopy()
	elsewhere.Spec.NodeName = "west"
	cases := map[string]struct {
		reason     string
		up, down   cluster
		container  string
		code       int
		downstream bool
	}{
		"ours":             {"The one case that is let through.", cluster{pod: above}, cluster{pod: ours}, "app", 0, false},
		"init-container":   {"Init containers have logs, too.", cluster{pod: above}, cluster{pod: ours}, "init", 0, false},
		"debug-container":  {"So have ephemeral ones.", cluster{pod: above}, cluster{pod: ours}, "debug", 0, false},
		"no-container":     {"A port-forward names none.", cluster{pod: above}, cluster{pod: ours}, "", 0, false},
		"not-upstream":     {"A downstream pod alone is nobody's upstream.", cluster{}, cluster{pod: ours}, "app", http.StatusNotFound, false},
		"on-another-node":  {"Another virtual node answers for it.", cluster{pod: elsewhere}, cluster{pod: ours}, "app", http.StatusNotFound, false},
		"injected":         {"What downstream admission adds is not the upstream pod's.", cluster{pod: above}, cluster{pod: ours}, "mesh", http.StatusNotFound, false},
		"not-downstream":   {"It was not created yet, or is gone.", cluster{pod: above}, cluster{}, "app", http.StatusNotFound, true},
		"foreign":          {"Somebody else's pod has that name.", cluster{pod: above}, cluster{pod: below(func(p *corev1.Pod) { p.Labels = nil })}, "app", http.StatusConflict, true},
		"of-another-node":  {"Another virtual node's pod has that name.", cluster{pod: above}, cluster{pod: below(func(p *corev1.Pod) { p.Labels["spillway.io/virtual-node"] = "west" })}, "app", http.StatusConflict, true},
		"predecessor":      {"It stands for an upstream pod that is gone.", cluster{pod: above}, cluster{pod: below(func(p *corev1.Pod) { id.Mark(&p.ObjectMeta, "0") })}, "app", http.StatusConflict, true},
		"upstream-error":   {"What cannot be read is not let through.", cluster{err: errors.New("no")}, cluster{pod: ours}, "app", http.StatusInternalServerError, false},
		"downstream-error": {"That our credentials do not suffice is no fault of the client's.", cluster{pod: above}, cluster{err: apierrors.NewForbidden(corev1.Resource("pods"), "web", nil)}, "app", http.StatusInternalServerError, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Pods{Upstream: tc.up, Downstream: tc.down, Identity: id}.find(t.Context(), "shop", "web", tc.container)
			code := 0
			if err != nil {
				code = codeOf(err)
			}
			if code != tc.code {
				t.Errorf("%s\ncode %d (%v), want %d", tc.reason, code, err, tc.code)
			}
			if refused, _ := errors.AsType[refusal](err); refused.downstream != tc.downstream {
				t.Errorf("%s\nthe fault is downstream: %t, want %t", tc.reason, refused.downstream, tc.downstream)
			}
		})
	}
}

// TestFindElsewhere: where namespaces have other names downstream, that is where
// the pod is looked for, and what it is called.
func TestFindElsewhere(t *testing.T) {
	id := translate.Identity{UpstreamID: "up", Node: stash.VirtualNode{Name: "east"}, Namespaces: translate.Namespaces{Prefix: "a-"}}
	above := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"}, Spec: corev1.PodSpec{NodeName: "east"}}
	foreign := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a-shop", Name: "web", UID: "9"}}
	ours := foreign.DeepCopy()
	id.Mark(&ours.ObjectMeta, "1")
	sameName := ours.DeepCopy()
	sameName.Namespace = "shop"
	for name, tc := range map[string]struct {
		reason string
		down   *corev1.Pod
		want   string
	}{
		"ours":         {"The mapped namespace has it.", ours, "a-shop/web"},
		"foreign":      {"It is called what it is called there.", foreign, `the pod "a-shop/web" in the downstream cluster belongs to somebody else`},
		"not-anywhere": {"There, there is none.", sameName, `pod "a-shop/web" does not exist in the downstream cluster`},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := Pods{Upstream: cluster{pod: above}, Downstream: cluster{pod: tc.down}, Identity: id}.find(t.Context(), "shop", "web", "")
			got := key.String()
			if err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%s\ngot %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
