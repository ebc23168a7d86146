package stories

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// TestSidecarHistoryIsBounded: of a SidecarSet's revisions that no pod has, no more
// are kept than it asks for.
func TestSidecarHistoryIsBounded(t *testing.T) {
	s := tell(t, nil)
	const most = "revisionHistoryLimit: 2"
	s.injects(s.agentSet("agent:1", most), map[string]string{"app": "web"}, images{"app": "app:1", "agent": "agent:1"})
	kept := []string{s.sidecarsAre(counts{})}
	for _, image := range []string{"agent:2", "agent:3"} {
		s.applies(s.agentSet(image, most))
		kept = append(kept[max(0, len(kept)-1):], s.sidecarsAre(counts{}))
	}
	s.eventually(fmt.Sprintf("the revisions are %v", kept), func(ctx context.Context) error {
		list, err := s.upstream.Client().AppsV1().ControllerRevisions("spillway-system").List(ctx, metav1.ListOptions{
			LabelSelector: api.SidecarSetNameLabel + "=" + s.namespace,
		})
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for i := range list.Items {
			there[list.Items[i].Name] = true
		}
		if len(there) != len(kept) || !there[kept[0]] || !there[kept[1]] {
			return fmt.Errorf("they are %v", there)
		}
		return nil
	})
}
