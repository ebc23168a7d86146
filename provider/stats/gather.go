package stats

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// refusedFor is for how long kubelets are not asked again after all of them were
// refused to us.
const refusedFor = time.Minute

// Sources are where the figures come from.
type Sources struct {
	// Upstream and Downstream are caches of pods: those that are bound to the virtual
	// node, and those that stand for them. What they return is not modified.
	Upstream, Downstream client.Reader
	// Identity tells our downstream pods from all others.
	Identity translate.Identity
}

// snapshot is what one round has got.
type snapshot struct {
	// known are the figures, with counters.
	known figures
	// since is when counting began, counted what was counted.
	since   time.Time
	counted tally
	// incomplete says that figures are missing because somebody did not answer.
	incomplete bool
}

// gatherer makes rounds, one at a time.
type gatherer struct {
	sources Sources
	reader  reader
	clock   clock.PassiveClock

	// since is when the first reading was made, tally what was counted up to the last.
	since time.Time
	tally tally
	// kubelets are not asked before notBefore.
	notBefore time.Time
	// said is the kind of trouble that the log told of last.
	said trouble
}

// reader reads from the downstream API server.
type reader interface {
	// summaries asks the kubelets of nodes, and returns an answer of each.
	summaries(ctx context.Context, nodes []string) []answer
	// podMetrics returns the PodMetrics of our pods.
	podMetrics(ctx context.Context) ([]podMetrics, error)
}

// answer is a kubelet's.
type answer struct {
	node    string
	summary statsv1alpha1.Summary
	err     error
}

// trouble is why figures are missing.
type trouble string

const (
	noTrouble  trouble = ""
	someSilent trouble = "Figures of some pods are missing: downstream kubelets did not answer"
	noSource   trouble = "No figures of pods: may the virtual node get nodes/proxy downstream, or are there PodMetrics that it may list?"
)

// gather makes one round.
func (g *gatherer) gather(ctx context.Context) (snapshot, error) {
	pods, err := g.sources.pods(ctx)
	if err != nil {
		return snapshot{}, err
	}
	known, why, err := g.read(ctx, pods)
	g.tell(ctx, why, err)

	now := g.clock.Now()
	if g.since.IsZero() {
		g.since = now
	}
	var told []statsv1alpha1.PodStats
	g.tally, told = g.tally.advance(match(pods, known), now)
	return snapshot{known: ofPods(pods, told), since: g.since, counted: g.tally, incomplete: why != noTrouble}, nil
}

// pods finds ours in the caches.
func (s Sources) pods(ctx context.Context) ([]pod, error) {
	var upstream, downstream corev1.PodList
	if err := s.Upstream.List(ctx, &upstream); err != nil {
		return nil, fmt.Errorf("cannot list the upstream pods: %w", err)
	}
	marks := client.MatchingLabels{api.UpstreamLabel: s.Identity.UpstreamID, api.VirtualNodeLabel: s.Identity.Node.Name}
	if err := s.Downstream.List(ctx, &downstream, marks); err != nil {
		return nil, fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	return ours(s.Identity, upstream.Items, downstream.Items), nil
}

// read gets the figures of the pods: from their kubelets or, if those are refused
// to us, from PodMetrics. The error says why some are missing.
func (g *gatherer) read(ctx context.Context, pods []pod) (figures, trouble, error) {
	if len(pods) == 0 {
		return nil, noTrouble, nil
	}
	var refusal error
	if !g.clock.Now().Before(g.notBefore) {
		answers := g.reader.summaries(ctx, nodesOf(pods))
		summaries, err := split(answers)
		if refusal = refused(answers); refusal == nil {
			if err != nil {
				return fromSummaries(summaries), someSilent, err
			}
			return fromSummaries(summaries), noTrouble, nil
		}
		g.notBefore = g.clock.Now().Add(refusedFor)
	}
	list, err := g.reader.podMetrics(ctx)
	if err != nil {
		return nil, noSource, errors.Join(refusal, err)
	}
	return fromMetrics(pods, list), noTrouble, nil
}

// tell logs trouble when it begins, changes or ends.
func (g *gatherer) tell(ctx context.Context, why trouble, err error) {
	if why == g.said {
		return
	}
	g.said = why
	if why == noTrouble {
		logf.FromContext(ctx).Info("All figures of pods can be had again")
		return
	}
	logf.FromContext(ctx).Error(err, string(why))
}

// split returns the summaries of kubelets that answered, and the errors of the
// others.
func split(answers []answer) ([]statsv1alpha1.Summary, error) {
	var summaries []statsv1alpha1.Summary
	var errs []error
	for i := range answers {
		if a := &answers[i]; a.err != nil {
			errs = append(errs, fmt.Errorf("node %s: %w", a.node, a.err))
		} else {
			summaries = append(summaries, a.summary)
		}
	}
	return summaries, errors.Join(errs...)
}

// refused returns why kubelets are not for us: each was refused, or has no
// summary. It returns nil if that may be otherwise for one of them: a kubelet
// that does not answer now will answer again, and its counters are better than
// those that are made of rates.
func refused(answers []answer) error {
	for i := range answers {
		err := answers[i].err
		if !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) && !apierrors.IsMethodNotSupported(err) {
			return nil
		}
	}
	return answers[0].err
}
