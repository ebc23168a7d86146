package orphans

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// The reasons of events about the Node.
const (
	// ReasonWithheld: there are orphans that are not deleted. The message says how
	// many, why, and what deletes them.
	ReasonWithheld = "OrphansWithheld"
	// ReasonNotANumber: api.DeleteOrphansAnnotation has a value that it cannot have.
	ReasonNotANumber = "DeleteOrphansNotANumber"
)

// someNames is how many orphans are named to give an idea which they are.
const someNames = 5

// why is why orphans are withheld; the value of a metric's label.
type why string

const (
	becauseGuard   why = "guard"
	becausePreview why = "preview"
)

// notice is what is told of orphans that are not deleted.
type notice struct {
	because why
	orphans int
	text    string
}

// told is what was told last, so that it is not told again.
type told struct {
	because   why
	orphans   int
	notNumber string
}

// guarded is the notice of a mass deletion that is withheld.
func guarded(verdict Verdict, node string) notice {
	n := len(verdict.Orphans)
	return notice{becauseGuard, n, fmt.Sprintf(
		"%d of %d downstream pods have no upstream pod. So many at once are not deleted: they may only seem to be gone upstream. To delete them: "+
			"kubectl annotate --overwrite node %s %s=%d (%s)", n, verdict.Ours, node, api.DeleteOrphansAnnotation, n, names(verdict.Orphans))}
}

// preview is the notice of deletions that the mode Preview withholds.
func preview(verdict Verdict) notice {
	n := len(verdict.Orphans)
	return notice{becausePreview, n, fmt.Sprintf(
		"%d of %d downstream pods have no upstream pod. They would be deleted, but the flag --delete-orphans says preview (%s)",
		n, verdict.Ours, names(verdict.Orphans))}
}

func names(orphans []Orphan) string {
	var some []string
	for _, o := range orphans[:min(someNames, len(orphans))] {
		some = append(some, o.Upstream.String())
	}
	text := strings.Join(some, ", ")
	if more := len(orphans) - len(some); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// withhold tells of orphans that are not deleted, as an event when their number has
// changed.
func (s *Sweeper) withhold(ctx context.Context, node *corev1.Node, verdict Verdict, n notice) outcome {
	if n.orphans == 0 {
		s.tellNothing()
		return clean
	}
	s.metrics.nothingWithheld()
	s.metrics.withheld.WithLabelValues(string(n.because)).Set(float64(n.orphans))
	if s.told.because == n.because && s.told.orphans == n.orphans {
		return held
	}
	s.told.because, s.told.orphans = n.because, n.orphans
	logf.FromContext(ctx).Info("WARNING: Orphans are not deleted", "orphans", n.orphans, "downstreamPods", verdict.Ours, "because", n.because, "some", names(verdict.Orphans))
	s.warn(node, ReasonWithheld, n.text)
	return held
}

// tellNothing takes back what was told.
func (s *Sweeper) tellNothing() {
	s.metrics.nothingWithheld()
	s.told.because, s.told.orphans = "", 0
}

// warn sends an event about the Node, without a resource version, so that repeated
// events become one series.
func (s *Sweeper) warn(node *corev1.Node, reason, note string) {
	reference := &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: s.identity.Node.Name}
	if node != nil {
		reference.UID = node.UID
	}
	s.events.Eventf(reference, nil, corev1.EventTypeWarning, reason, "DeleteOrphans", "%s", translate.EventText(note))
}

// complain tells once of an annotation that says nothing.
func (s *Sweeper) complain(node *corev1.Node, a asked) {
	wrong := ""
	if a.value != "" && a.number == 0 {
		wrong = a.value
	}
	if wrong != "" && wrong != s.told.notNumber {
		s.warn(node, ReasonNotANumber, fmt.Sprintf(
			"Annotation %s is %q. It must be the number of orphans that may be deleted at most, greater than 0", api.DeleteOrphansAnnotation, wrong))
	}
	s.told.notNumber = wrong
}

// node returns the Node as the cache has it, and nil when it is gone.
func (s *Sweeper) node(ctx context.Context) (*corev1.Node, error) {
	node := &corev1.Node{}
	err := s.above.Get(ctx, client.ObjectKey{Name: s.identity.Node.Name}, node)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // Nobody asks for anything then.
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the node: %w", err)
	}
	return node, nil
}

// spend takes the annotation away, and returns false if it does not say what was asked
// any more: what it says is for the next sweep.
func (s *Sweeper) spend(ctx context.Context, a asked) (spent bool, err error) {
	patch, err := spending(a)
	if err != nil {
		return false, err
	}
	node := &corev1.Node{}
	node.Name = s.identity.Node.Name
	err = s.upstream.Patch(ctx, node, client.RawPatch(types.JSONPatchType, patch))
	if apierrors.IsInvalid(err) || apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot take annotation %s off the node: %w", api.DeleteOrphansAnnotation, err)
	}
	return true, nil
}
