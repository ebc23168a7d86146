package allocate

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

// TestStandbyRemembersAllPods: a replica that is never asked to decide kept the key of
// each pod that had ever gone.
func TestStandbyRemembersAllPods(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	g := gone{keys: map[key]departure{}}
	handler := g.handler(func() time.Time { return now })
	const perSecond = 20
	for i := range 3600 * perSecond {
		pod := &corev1.Pod{}
		pod.Namespace, pod.Name = "shop", fmt.Sprint("web-", i)
		pod.Annotations = map[string]string{"apps.kruise.io/matched-workloadspread": `{"name":"ws","subset":"a"}`}
		handler.OnDelete(pod)
		now = now.Add(time.Second / perSecond)
		if most := int(2*spread.Retention.Seconds())*perSecond + perSecond; len(g.keys) > most {
			t.Fatalf("after %d pods it remembers %d, want %d at most", i, len(g.keys), most)
		}
	}
	if all := g.from("shop", now.Add(-spread.Retention)); len(all) < int(spread.Retention.Seconds())*perSecond-1 {
		t.Errorf("it remembers %d of the last", len(all))
	}
}
