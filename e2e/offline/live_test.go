package offline

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// spillwayNamespace is where the webhook keeps what is its own.
const spillwayNamespace = "spillway-system"

// TestInjectIsTheWebhook: of the same input, `spillway inject` makes what the live
// webhook makes.
func TestInjectIsTheWebhook(t *testing.T) {
	t.Run("examples", func(t *testing.T) { shared.compareExamples(t) })
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	// The golden cases have workloads without pods of their own.
	if err := shared.live.ControllerManager.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	t.Run("goldens", func(t *testing.T) { shared.compareGoldens(t) })
}

// tally counts what became of the cases.
type tally struct {
	mu      sync.Mutex
	results map[string]int
}

func (c *tally) add(result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[result]++
}

func (c *tally) total() (total int) {
	for _, n := range c.results {
		total += n
	}
	return total
}

func (s *stage) compareGoldens(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*caseTimeout)
	defer cancel()
	cases := goldens(t)
	if err := s.common(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.prepare(ctx, cases); err != nil {
		t.Fatal(err)
	}
	counted := &tally{results: make(map[string]int)}
	worlds, groups := byNodes(cases)
	for n, nodes := range worlds {
		if err := s.put(ctx, nodes); err != nil {
			t.Fatal(err)
		}
		if err := s.known(ctx, strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
		s.compareGroup(t, groups[nodes], counted)
	}
	t.Logf("%d cases: %v", len(cases), counted.results)
	if total := counted.total(); total != len(cases) {
		t.Errorf("%d of %d cases were compared", total, len(cases))
	}
}

// compareGroup compares cases without SidecarSets at the same time, and then the
// others one by one, since SidecarSets are in no namespace.
func (s *stage) compareGroup(t *testing.T, cases []*golden, counted *tally) {
	nodes, err := at(s.inLive, made("v1", "Node", "", "any")).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("at-once", func(t *testing.T) {
		for _, g := range cases {
			if len(g.sidecars) == 0 {
				t.Run(g.name, func(t *testing.T) {
					t.Parallel()
					counted.add(s.compare(t, g, nodes.Items))
				})
			}
		}
	})
	for _, g := range cases {
		if len(g.sidecars) > 0 {
			t.Run(g.name, func(t *testing.T) { counted.add(s.compareWithSidecars(t, g, nodes.Items)) })
		}
	}
}

func (s *stage) compareWithSidecars(t *testing.T, g *golden, nodes []unstructured.Unstructured) string {
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	defer func() {
		if err := s.clear(ctx, g); err != nil {
			t.Error(err)
		}
	}()
	if err := s.addSidecars(ctx, g); err != nil {
		t.Fatal(err)
	}
	if err := s.knownSidecars(ctx, g.name); err != nil {
		t.Fatal(err)
	}
	return s.compare(t, g, nodes)
}

// compare creates the pod of a case, has the command print it, and says what
// became of both in a word.
func (s *stage) compare(t *testing.T, g *golden, nodes []unstructured.Unstructured) string {
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	if err := s.fill(ctx, g); err != nil {
		t.Fatal(err)
	}
	says := s.inject(ctx, t, g, nodes)
	if diff := cmp.Diff(slices.Sorted(slices.Values(g.refused)), slices.Sorted(slices.Values(slices.Concat(says.refused, refusedLiveOnly()[g.name]))), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("policy objects are refused: -live +inject\n%s\n%s", diff, says.stderr)
	}
	options := metav1.CreateOptions{}
	if g.shared {
		options.DryRun = []string{metav1.DryRunAll}
	}
	stored, liveErr := at(s.inLive, g.pod).Create(ctx, g.pod, options)
	if says.denied != "" {
		if !apierrors.IsForbidden(liveErr) || !strings.HasSuffix(liveErr.Error(), "denied the request: "+says.denied) {
			t.Errorf("inject denies the pod:\n%s\nlive: %v", says.denied, liveErr)
		}
		return "denied"
	}
	defaulted, plainErr := at(s.inPlain, says.pod).Create(ctx, says.pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	refusal, listed := unacceptable()[g.name]
	switch {
	case liveErr != nil || plainErr != nil:
		if !listed || liveErr == nil || plainErr == nil || !strings.Contains(liveErr.Error(), refusal) || liveErr.Error() != plainErr.Error() {
			t.Errorf("API servers refuse the pod (listed: %q)\nlive:   %v\ninject: %v", refusal, liveErr, plainErr)
		}
		return "refused by API servers"
	case listed:
		t.Errorf("the case is listed as one that API servers refuse (%q), and they do not", refusal)
	}
	if subset := subsetOf(stored); subset != "" && g.subset != "" && subset != g.subset {
		t.Errorf("the pod is in subset %q, and the case is about %q", subset, g.subset)
	}
	want, got := alike(stored), alike(defaulted)
	diff := cmp.Diff(want, got)
	if why, again := toleratedAgain()[g.name]; again {
		if diff == "" {
			t.Errorf("the case is listed as one with other tolerations (%s), and has the same", why)
		}
		diff = cmp.Diff(withoutLossTolerations(want), withoutLossTolerations(got))
	}
	if diff != "" {
		t.Errorf("-live +inject\n%s\n%s", diff, says.stderr)
	}
	return "compared"
}

// unacceptable are the cases whose pods API servers refuse, in these words. They
// refuse what inject prints in the same words.
func unacceptable() map[string]string {
	return map[string]string{
		"optin-mirror-pod":                  "must set spec.nodeName if mirror pod annotation is set",
		"spread-failed-own-mistake":         `spec.tolerations[0].operator: Unsupported value: "Exist"`,
		"spread-virtual-invalid-scheduling": `spec.nodeSelector: Invalid value: "not a label"`,
		"stash-invalid":                     `Invalid value: "Inn": not a valid selector operator`,
	}
}

// refusedLiveOnly are the policy objects that the command lets in, and why: which
// revisions there are beside those of its input it cannot know.
func refusedLiveOnly() map[string][]string {
	return map[string][]string{"sidecar-pinned-missing": {"sidecarset logs"}}
}

// toleratedAgain are the cases whose pods lose the tolerations that an API server
// adds before it asks webhooks, and why. What the command prints lacks them too, but
// gets them as any pod does that is sent to an API server.
func toleratedAgain() map[string]string {
	return map[string]string{"spread-patch-replaced-tolerations": "the subset's patch replaces all tolerations of the pod"}
}
