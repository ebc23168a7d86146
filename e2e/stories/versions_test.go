package stories

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestVersionsAreThoseAskedFor: whoever reads that all stories passed between two
// versions of Kubernetes may rely on it that they ran between these.
func TestVersionsAreThoseAskedFor(t *testing.T) {
	s := tell(t, nil)
	for cluster, want := range map[*playground.Cluster]string{
		s.upstream:   s.binaries.Upstream.Version,
		s.downstream: s.binaries.Downstream.Version,
	} {
		out, _, err := cluster.Kubectl(s.ctx, "", "version", "--output=json")
		s.must("ask kubectl and the API server of "+cluster.Name(), err)
		var got struct{ ClientVersion, ServerVersion struct{ GitVersion string } }
		s.must("read what they say", json.Unmarshal([]byte(out), &got))
		if got.ClientVersion.GitVersion != want || got.ServerVersion.GitVersion != want {
			t.Errorf("%s has kubectl %s and API server %s, want %s", cluster.Name(), got.ClientVersion.GitVersion, got.ServerVersion.GitVersion, want)
		}
	}

	node, err := s.upstream.Client().CoreV1().Nodes().Get(s.ctx, "east", metav1.GetOptions{})
	s.must("read the virtual node", err)
	if said, want := node.Status.NodeInfo.KubeletVersion, s.binaries.Downstream.Version+"-spillway-"; !strings.HasPrefix(said, want) {
		t.Errorf("the virtual node says %s, want %s and Spillway's version", said, want)
	}
}
