package references

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/translate"
)

// maxTries bounds the writes for one copy in a row: each but the first has learned
// that the cache was behind.
const maxTries = 4

// outcome is what became of a copy.
type outcome struct {
	Action
	// Message explains a conflict.
	Message string
}

// task is what a copy is to be.
type task interface {
	// plan decides from what is there.
	plan(ctx context.Context, s Situation) (Action, error)
	// owns says whether what is there is what the task may write to.
	owns(copied metav1.Object) bool
	// content returns the whole copy, and the version of what it was made from.
	content(ctx context.Context) (client.Object, Version, error)
	// gone confirms that the upstream object does not exist.
	gone(ctx context.Context) (bool, error)
}

// keeper works on one copy at a time: it reads what a plan needs and does what it
// says.
type keeper struct {
	identity translate.Identity
	// downstream reads the metadata of our copies from a cache, live that of any
	// object from the API server.
	downstream client.Client
	live       client.Reader
	book       *book
	locks      *locks
	clock      clock.PassiveClock
}

// work makes the copy what the task wants. An error is transient, or an *obstacle.
func (k *keeper) work(ctx context.Context, key Key, t task) (outcome, error) {
	defer k.locks.lock(key)()
	from := client.Reader(k.downstream)
	for range maxTries {
		present, err := read(ctx, from, key)
		if err != nil {
			return outcome{}, err
		}
		s := k.situation(key, t, present)
		s.Fresh = s.Fresh && from != k.live
		action, err := t.plan(ctx, s)
		if err != nil {
			return outcome{}, err
		}
		if action.State == Conflict {
			return outcome{Action: action, Message: k.identity.DescribeForeign(string(key.Kind), present, "Delete it, or rename the one that this pod refers to")}, nil
		}
		behind, err := k.do(ctx, key, t, action.Verb, s)
		if !behind {
			return outcome{Action: action}, err
		}
		from = k.live
	}
	return outcome{}, fmt.Errorf("the downstream %s %q keeps changing; trying again later", key.Kind, key.Name)
}

func (k *keeper) situation(key Key, t task, present *metav1.PartialObjectMetadata) Situation {
	now, page := k.clock.Now(), k.book.read(key)
	s := Situation{
		Settled:   page.settled,
		Fresh:     now.Sub(page.settledAt) < settling,
		Corrected: now.Sub(page.corrected) < correctionPause,
	}
	if present != nil {
		s.Copy, s.Owned = present, t.owns(present)
	}
	return s
}

// do returns true when the cache was behind, so that nothing was done.
func (k *keeper) do(ctx context.Context, key Key, t task, verb Verb, s Situation) (behind bool, err error) {
	switch verb {
	case Leave:
		return false, nil
	case Withdraw:
		gone, err := t.gone(ctx)
		if err != nil || !gone {
			return false, err
		}
		return false, k.remove(ctx, key, versionOf(s.Copy))
	case Create, Update, Verify:
	}
	object, from, err := t.content(ctx)
	if err != nil {
		return false, err
	}
	switch did, err := k.write(ctx, key, verb, object, s.Copy); {
	case err == nil:
		k.settle(key, s, Versions{Upstream: from, Copy: versionOf(object)})
		logf.FromContext(ctx).V(1).Info(did, "kind", key.Kind, "namespace", key.Namespace, "name", key.Name, "verb", verb)
		return false, nil
	case verb == Create && apierrors.IsAlreadyExists(err):
		return true, nil
	case verb != Create && (apierrors.IsConflict(err) || apierrors.IsNotFound(err)):
		return true, nil
	case verb != Create && isUnchangeable(err):
		return true, k.remove(ctx, key, versionOf(s.Copy))
	default:
		return false, refused(key, err)
	}
}

// write writes the copy, also over one that is present, or finds that this would
// change nothing. It says what it did, for the log.
func (k *keeper) write(ctx context.Context, key Key, verb Verb, object client.Object, present metav1.Object) (did string, err error) {
	const wrote = "Wrote a copy"
	if verb == Create {
		return wrote, k.downstream.Create(ctx, object, pods.FieldOwner)
	}
	replacing(object, present)
	if verb == Verify {
		if right, err := k.isRight(ctx, key, object); right || err != nil {
			return "Found a copy as it has to be", err
		}
	}
	return wrote, k.downstream.Update(ctx, object, pods.FieldOwner)
}

// isRight says whether the copy is what it is to be. Its content is read for that,
// and not kept. One that may not be read has to be written.
func (k *keeper) isRight(ctx context.Context, key Key, desired client.Object) (bool, error) {
	present, err := emptyOf(key.Kind)
	if err != nil {
		return false, err
	}
	err = k.live.Get(ctx, key.object(), present)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read what is there: %w", redact(key.Kind, err))
	}
	return isSame(desired, present), nil
}

func (k *keeper) settle(key Key, s Situation, versions Versions) {
	now := k.clock.Now()
	k.book.on(key, func(p *page) {
		foreign := s.Copy != nil && s.Settled.Copy != Version{} && s.Settled.Copy != versionOf(s.Copy)
		if foreign && s.Settled.Upstream == versions.Upstream && versions.Copy != versionOf(s.Copy) {
			p.corrected = now
		}
		p.settled, p.settledAt = versions, now
	})
}

// remove deletes exactly that version of a copy. That it is gone, or another one
// already, is no error.
func (k *keeper) remove(ctx context.Context, key Key, version Version) error {
	err := k.downstream.Delete(ctx, named(key), client.Preconditions{UID: &version.UID, ResourceVersion: &version.ResourceVersion})
	if err == nil {
		k.book.on(key, func(p *page) { p.settled, p.settledAt = Versions{}, time.Time{} })
	}
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("cannot delete the downstream %s %q: %w", key.Kind, key.Name, redact(key.Kind, err))
	}
	return nil
}

// isUnchangeable says that no update can make the copy right: its type is another
// one, or somebody has made it immutable. A policy that refuses an update answers as
// much, but names no field: then the copy stays, since pods use it.
func isUnchangeable(err error) bool {
	answer, answered := errors.AsType[*apierrors.StatusError](err)
	if !answered || !apierrors.IsInvalid(err) || answer.ErrStatus.Details == nil {
		return false
	}
	return slices.ContainsFunc(answer.ErrStatus.Details.Causes, func(c metav1.StatusCause) bool {
		return c.Field == "type" || c.Field == "immutable"
	})
}

// refused makes an obstacle of what the pod's owner has to know of: policies and
// quotas are not about to pass.
func refused(key Key, err error) error {
	err = redact(key.Kind, err)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return &obstacle{Reason: ReasonRefused, Message: fmt.Sprintf("Downstream namespace %q is being deleted; it is made anew when it is gone", key.Namespace), Again: terminatingRetry, cause: err}
	}
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
		return &obstacle{Reason: ReasonRefused, Message: fmt.Sprintf("The downstream cluster refuses %s %q: %v", key.Kind, key.Namespace+"/"+key.Name, err), cause: err}
	}
	return fmt.Errorf("cannot write the downstream %s %q: %w", key.Kind, key.Namespace+"/"+key.Name, err)
}

// read returns nil for an object that does not exist.
func read(ctx context.Context, from client.Reader, key Key) (*metav1.PartialObjectMetadata, error) {
	object := metadataOf(key.Kind)
	err := from.Get(ctx, key.object(), object)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // Absence is an answer here.
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the downstream %s %q: %w", key.Kind, key.Name, err)
	}
	return object, nil
}

// obstacle is an error that stands in a pod's way until somebody acts. Its text is
// for the pod's owner.
type obstacle struct {
	Reason, Message string
	// Again is when to look again; zero is after conflictRetry.
	Again time.Duration
	cause error
}

func (o *obstacle) Error() string { return o.Message }
func (o *obstacle) Unwrap() error { return o.cause }
