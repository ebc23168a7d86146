package orphans

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// guard deletes, of too many orphans, those that were witnessed, and of the others as
// many as it was asked to.
func (s *Sweeper) guard(ctx context.Context, node *corev1.Node, verdict Verdict, asked asked) (outcome, error) {
	var witnessed, doubtful []Orphan
	for _, o := range verdict.Orphans {
		if o.Witnessed {
			witnessed = append(witnessed, o)
		} else {
			doubtful = append(doubtful, o)
		}
	}
	first, firstErr := s.clear(ctx, witnessed)
	verdict.Orphans = doubtful
	var result outcome
	var err error
	if asked.number == 0 {
		result = s.withhold(ctx, node, verdict, guarded(verdict, s.identity.Node.Name))
	} else {
		result, err = s.release(ctx, node, verdict, asked)
	}
	if first == unsure {
		result = unsure
	}
	return result, errors.Join(firstErr, err)
}

// release deletes as many as it was asked to. The permission is taken away before, so
// that it is used once, whatever becomes of this process and of the deletions: what is
// left then is told of anew. What is deleted does not count as deleted lately, since
// somebody knew of it, unless that somebody meant to leave others.
func (s *Sweeper) release(ctx context.Context, node *corev1.Node, verdict Verdict, asked asked) (outcome, error) {
	if spent, err := s.spend(ctx, asked); !spent {
		return unsure, err
	}
	logf.FromContext(ctx).Info("Deleting orphans as asked to", "orphans", len(verdict.Orphans), "atMost", asked.number)
	released := verdict.Orphans[:min(asked.number, len(verdict.Orphans))]
	done, err := s.remove(ctx, released)
	if err != nil {
		return unsure, err
	}
	verdict.Orphans = verdict.Orphans[len(released):]
	switch {
	case len(verdict.Orphans) > 0:
		s.count(done.deleted)
		return s.withhold(ctx, node, verdict, guarded(verdict, s.identity.Node.Name)), nil
	case done.spared > 0:
		return unsure, nil
	}
	s.tellNothing()
	return clean, nil
}
