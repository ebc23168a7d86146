package playground

import (
	"context"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spillway-io/spillway/e2e/monitoring"
)

// testMetrics: every metric that an alert or the dashboard asks for is served by a
// webhook or a virtual node, unless there is none before something happened. Others
// of ours without labels are served too, or else nobody registered them.
func testMetrics(ctx context.Context, t *testing.T, webhook *Webhook, node *VirtualNode) {
	served := map[string]bool{"up": true} // Prometheus' own
	for _, url := range []string{webhook.Metrics, node.Metrics} {
		maps.Copy(served, monitoring.Served(scrape(ctx, t, url+"/metrics")))
	}
	declared, err := monitoring.Declared(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	asked, err := monitoring.AskedFor()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range asked {
		wanted[name] = true
	}
	for _, metric := range declared {
		// What asks a cluster for a certificate does not run here.
		wanted[metric.Name] = !metric.Lazy && !strings.HasPrefix(metric.Name, "spillway_kubelet_certificate_")
	}
	for name := range served {
		if _, known := wanted[name]; !known && strings.HasPrefix(name, "spillway_") {
			t.Errorf("%s is served, and package monitoring does not find it in the code", name)
		}
	}
	for name, want := range wanted {
		if want && !served[name] {
			t.Errorf("neither process serves %s", name)
		}
	}
}

func scrape(ctx context.Context, t *testing.T, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s (%v)", url, response.Status, err)
	}
	return string(answer)
}
