package stats

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// cluster is a downstream API server: what it answers to which path, and which
// paths it was asked for.
type cluster struct {
	mu      sync.Mutex
	answers map[string]any // text is an error, with its code in front
	asked   []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, r.URL.Path)
	answer := c.answers[r.URL.Path]
	if text, isError := answer.(string); isError {
		var code int
		_, _ = fmt.Sscan(text, &code)
		http.Error(w, text, code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// asks returns which paths were asked for since the last call.
func (c *cluster) asks() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := c.asked
	c.asked = nil
	return asked
}

const (
	metalPath   = "/api/v1/nodes/metal/proxy/stats/summary"
	tinPath     = "/api/v1/nodes/tin/proxy/stats/summary"
	metricsPath = "/apis/metrics.k8s.io/v1beta1/pods"
	forbidden   = "403 forbidden"
	notFound    = "404 page not found"
	unavailable = "503 unavailable"
)

// kubeletOf is a kubelet that runs a pod of ours, and one of somebody else.
func kubeletOf(name string, cores *statsv1alpha1.CPUStats) statsv1alpha1.Summary {
	return statsv1alpha1.Summary{Pods: []statsv1alpha1.PodStats{
		{
			PodRef: statsv1alpha1.PodReference{Namespace: "up-shop", Name: name, UID: "d-" + name}, CPU: cores, Memory: memory(9, 4096),
			Containers: []statsv1alpha1.ContainerStats{{Name: "app", CPU: cores, Memory: memory(9, 4096)}, {Name: "injected"}},
		},
		{PodRef: statsv1alpha1.PodReference{Namespace: "up-shop", Name: "theirs", UID: "d-theirs"}, CPU: cores},
	}}
}

// newTestHandler serves the pods web, on metal, and api, on tin.
func newTestHandler(t *testing.T, downstream *cluster) (*Handler, *testingclock.FakePassiveClock) {
	t.Helper()
	server := httptest.NewServer(downstream)
	t.Cleanup(server.Close)
	reader, err := newDownstream(&rest.Config{Host: server.URL}, identity())
	if err != nil {
		t.Fatal(err)
	}
	web, api := upstreamPod("web", "app"), upstreamPod("api", "app")
	metal, tin := downstreamPod(web, "metal"), downstreamPod(api, "tin")
	with := func(pods ...corev1.Pod) client.Reader {
		return fake.NewClientBuilder().WithLists(&corev1.PodList{Items: pods}).Build()
	}
	now := testingclock.NewFakePassiveClock(after(10).Time)
	return newHandler(t.Context(), Sources{Upstream: with(web, api), Downstream: with(metal, tin), Identity: identity()}, reader, now), now
}

func get(h http.Handler, path string) (int, string) {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return recorder.Code, recorder.Body.String()
}

// TestSources: kubelets are asked, each once a round; PodMetrics only if kubelets
// are not for us; and what nobody tells is left out.
func TestSources(t *testing.T) {
	list := map[string]any{"items": []any{
		map[string]any{
			"metadata": map[string]any{"namespace": "up-shop", "name": "web"}, "timestamp": after(9),
			"containers": []any{map[string]any{"name": "app", "usage": map[string]any{"cpu": "100m", "memory": "4Ki"}}},
		},
	}}
	cases := map[string]struct {
		reason           string
		metal, tin, list any
		asked            int
		// metrics have these lines, and lack has not.
		metrics []string
		lack    string
	}{
		"kubelets": {
			reason: "Each kubelet tells of its pods.",
			metal:  kubeletOf("web", cpu(9, 5, 100)), tin: kubeletOf("api", cpu(9, 2, 50)), list: unavailable, asked: 2,
			metrics: []string{
				`container_cpu_usage_seconds_total{namespace="shop",pod="api",container="app"} 2 1000009000`,
				`pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 5 1000009000`,
				`node_memory_working_set_bytes 8192 1000009000`,
				`resource_scrape_error 0`,
			},
			lack: "theirs",
		},
		"one-silent": {
			reason: "Only the pods of a kubelet that does not answer have no figures.",
			metal:  kubeletOf("web", cpu(9, 5, 100)), tin: unavailable, list: list, asked: 2,
			metrics: []string{
				`pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 5 1000009000`,
				`pod_cpu_usage_seconds_total{namespace="shop",pod="api"} 0 1000000000`,
				`node_memory_working_set_bytes 4096 1000009000`,
				`resource_scrape_error 1`,
			},
			lack: `memory_working_set_bytes{namespace="shop",pod="api"`,
		},
		"forbidden": {
			reason: "Who may not ask kubelets asks for PodMetrics; what is too new to be there is not amiss.",
			metal:  forbidden, tin: forbidden, list: list, asked: 3,
			metrics: []string{
				`container_memory_working_set_bytes{namespace="shop",pod="web",container="app"} 4096 1000009000`,
				`container_cpu_usage_seconds_total{namespace="shop",pod="web",container="app"} 1e-06 1000009000`,
				`resource_scrape_error 0`,
			},
			lack: `memory_working_set_bytes{namespace="shop",pod="api"`,
		},
		"nothing": {
			reason: "Pods and containers are told of without figures.",
			metal:  notFound, tin: forbidden, list: notFound, asked: 3,
			metrics: []string{
				`container_start_time_seconds{namespace="shop",pod="web",container="app"} 1e+06`,
				`container_cpu_usage_seconds_total{namespace="shop",pod="web",container="app"} 0 1000000000`,
				`resource_scrape_error 1`,
			},
			lack: "memory",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			downstream := &cluster{answers: map[string]any{metalPath: tc.metal, tinPath: tc.tin, metricsPath: tc.list}}
			h, _ := newTestHandler(t, downstream)
			code, text := get(h, ResourcePath)
			if code != http.StatusOK || (tc.lack != "" && strings.Contains(text, tc.lack)) {
				t.Errorf("%s\n%d\n%s", tc.reason, code, text)
			}
			for _, line := range tc.metrics {
				if !strings.Contains("\n"+text, "\n"+line+"\n") {
					t.Errorf("%s\nno line %s in\n%s", tc.reason, line, text)
				}
			}
			var summary statsv1alpha1.Summary
			if code, text := get(h, SummaryPath); code != http.StatusOK || json.Unmarshal([]byte(text), &summary) != nil || len(summary.Pods) != 2 || summary.Node.NodeName != "east" {
				t.Errorf("%s\nsummary: %d %s", tc.reason, code, text)
			}
			if asked := downstream.asks(); len(asked) != tc.asked {
				t.Errorf("%s\nasked for %v", tc.reason, asked)
			}
		})
	}
}

// TestRefusalIsRemembered: refused kubelets are asked again after a minute, and
// counters of rates go on meanwhile.
func TestRefusalIsRemembered(t *testing.T) {
	downstream := &cluster{answers: map[string]any{metalPath: forbidden, tinPath: forbidden, metricsPath: map[string]any{}}}
	h, now := newTestHandler(t, downstream)
	var got [][]string
	for range 3 {
		get(h, SummaryPath)
		got = append(got, downstream.asks())
		now.SetTime(now.Now().Add(refusedFor / 2))
	}
	if len(got[0]) != 3 || len(got[2]) != 3 {
		t.Errorf("asked for %v", got)
	}
	if diff := cmp.Diff([]string{metricsPath}, got[1]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestNewPod: a pod that begins between two rounds is told of at once, and one
// that ended is not any more.
func TestNewPod(t *testing.T) {
	downstream := &cluster{answers: map[string]any{metalPath: kubeletOf("web", cpu(9, 5, 100)), tinPath: kubeletOf("api", cpu(9, 2, 50))}}
	h, now := newTestHandler(t, downstream)
	get(h, SummaryPath)
	now.SetTime(now.Now().Add(time.Second))
	late := upstreamPod("late", "app")
	h.sources.Upstream = fake.NewClientBuilder().WithLists(&corev1.PodList{Items: []corev1.Pod{late}}).Build()
	h.sources.Downstream = fake.NewClientBuilder().WithLists(&corev1.PodList{Items: []corev1.Pod{downstreamPod(late, "metal")}}).Build()
	if _, text := get(h, SummaryPath); !strings.Contains(text, `"late"`) || strings.Contains(text, `"web"`) {
		t.Error(text)
	}
}

func TestCadvisor(t *testing.T) {
	h, _ := newTestHandler(t, &cluster{})
	if code, text := get(h, CadvisorPath); code != http.StatusNotFound || !strings.Contains(text, "no cAdvisor metrics") {
		t.Errorf("%d %s", code, text)
	}
}
