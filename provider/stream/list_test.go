package stream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// clusterOf is one whose pods can be listed.
type clusterOf struct {
	client.Reader
	pods []corev1.Pod
	err  error
}

func (c clusterOf) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	into.(*corev1.PodList).Items = c.pods
	return c.err
}

// TestList: what a kubelet lists are the upstream pods, with the UIDs that they
// have upstream, as long as they are in both clusters.
func TestList(t *testing.T) {
	id := translate.Identity{UpstreamID: "up", Node: stash.VirtualNode{Name: "east"}, Namespaces: translate.Namespaces{Names: map[string]string{"shop": "mall"}}}
	pod := func(namespace, name string, uid types.UID, change func(*corev1.Pod)) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uid}, Spec: corev1.PodSpec{NodeName: "east"}}
		change(&p)
		return p
	}
	same := func(*corev1.Pod) {}
	going := func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.Unix(1, 0)) }
	twin := func(uid types.UID) func(*corev1.Pod) { return func(p *corev1.Pod) { id.Mark(&p.ObjectMeta, uid) } }
	above := clusterOf{pods: []corev1.Pod{
		pod("shop", "runs", "1", same), pod("shop", "waits", "2", same), pod("shop", "goes", "3", going), pod("shop", "goes-below", "4", same),
		pod("shop", "again", "5", same), pod("shop", "taken", "6", same), pod("other", "runs", "7", same), pod("shop", "west", "8", func(p *corev1.Pod) { p.Spec.NodeName = "west" }),
	}}
	below := clusterOf{pods: []corev1.Pod{
		pod("mall", "runs", "b1", twin("1")), pod("mall", "goes", "b3", twin("3")), pod("mall", "again", "b5", twin("of its predecessor")), pod("mall", "taken", "b6", same),
		pod("mall", "goes-below", "b4", func(p *corev1.Pod) { twin("4")(p); going(p) }), pod("shop", "waits", "b2", twin("2")), pod("other", "runs", "b7", twin("7")),
		pod("mall", "west", "b8", func(p *corev1.Pod) { twin("8")(p); p.Labels[api.VirtualNodeLabel] = "west" }),
	}}
	cases := map[string]struct {
		reason   string
		up, down clusterOf
		code     int
		want     []types.UID
	}{
		"pods":             {"Terminating ones are not listed, nor those that are not there yet.", above, below, http.StatusOK, []types.UID{"1", "7"}},
		"none":             {"A list of none is a list.", clusterOf{}, below, http.StatusOK, nil},
		"upstream-error":   {"What cannot be listed is not empty.", clusterOf{err: errors.New("no")}, below, http.StatusInternalServerError, nil},
		"downstream-error": {"Nor is it full.", above, clusterOf{err: errors.New("no")}, http.StatusInternalServerError, nil},
	}
	for name, tc := range cases {
		for _, path := range []string{"/pods", "/runningpods/", "/runningpods"} {
			t.Run(name+path, func(t *testing.T) {
				h, err := NewHandler(t.Context(), Pods{Upstream: tc.up, DownstreamCache: tc.down, Identity: id}, &rest.Config{})
				if err != nil {
					t.Fatal(err)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
				if w.Code != tc.code {
					t.Fatalf("%s\ncode %d (%s), want %d", tc.reason, w.Code, w.Body, tc.code)
				}
				if diff := cmp.Diff(tc.want, uids(t, w)); diff != "" {
					t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
				}
			})
		}
	}
}

func uids(t *testing.T, w *httptest.ResponseRecorder) []types.UID {
	t.Helper()
	if w.Code != http.StatusOK {
		return nil
	}
	var list corev1.PodList
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || list.Kind != "PodList" || list.APIVersion != "v1" || list.Items == nil {
		t.Fatalf("not a list of pods (%v): %s", err, w.Body)
	}
	var found []types.UID
	for _, pod := range list.Items {
		found = append(found, pod.UID)
	}
	slices.Sort(found)
	return found
}
