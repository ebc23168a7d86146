package claim

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// requestTimeout bounds each request about the Lease; taking it needs several, of
	// which an API server that is slow may take 5 s for each. A longer one would not end
	// before the claim is good for nothing any more.
	requestTimeout = goodFor - lookEvery
	// releaseTimeout bounds the release, for which the process's end has to wait.
	releaseTimeout = 3 * time.Second
)

// errStopped is why nothing is written any more.
var errStopped = errors.New("this process is about to end")

// Keeper looks after the claim. All fields must be set.
type Keeper struct {
	Claimant
	// Downstream is the cluster that is claimed. Its writes must not pass the Gate.
	Downstream kubernetes.Interface
	// Gate is opened while the claim is held.
	Gate *Gate
	// Identify says whether the downstream cluster is the virtual node's; no other is
	// claimed.
	Identify func(context.Context) (string, error)
	// Elected is closed when this process becomes the leader; until then it only
	// looks.
	Elected <-chan struct{}
	// Recovered is called when the claim is held, after writes have waited for it
	// in vain. It must not block.
	Recovered func()

	// lease is the Lease as it was last seen or written; nil if there is none, or
	// if what was written may or may not have been received.
	lease *coordinationv1.Lease
	// known says that lease can be trusted.
	known bool
	seen  Sight
	// held says that the claim was taken, and nobody else was seen to hold it.
	held    bool
	leading time.Time
	// trouble is what was last logged.
	trouble string
}

// Run looks after the claim until ctx ends, and releases it then: nothing that
// writes downstream should run any longer. It returns a *RefusedError when another
// process holds the claim and is alive; no write succeeds from then on.
func (k *Keeper) Run(ctx context.Context) error {
	log := logf.FromContext(ctx).WithName("claim").WithValues("lease", k.Namespace+"/"+k.LeaseName())
	ctx = logf.IntoContext(ctx, log)
	elected := k.Elected
	for ctx.Err() == nil {
		began := time.Now()
		pause, err := k.turn(ctx)
		if refused, isRefused := errors.AsType[*RefusedError](err); isRefused {
			k.Gate.shut(refused)
			return refused
		}
		if ctx.Err() == nil {
			k.report(ctx, err)
		}
		timer := time.NewTimer(time.Until(began.Add(pause)))
		select {
		case <-ctx.Done():
		case <-elected:
			elected, k.leading = nil, time.Now()
		case <-timer.C:
		}
		timer.Stop()
	}
	k.release(context.WithoutCancel(ctx))
	return nil
}

// turn looks at the claim and does what follows. It returns when the next turn has
// to begin at the latest, counted from the beginning of this one.
func (k *Keeper) turn(ctx context.Context) (time.Duration, error) {
	if k.held && k.known {
		return k.take(ctx)
	}
	if err := k.look(ctx); err != nil {
		return lookEvery, err
	}
	now := time.Now()
	k.seen = k.seen.Next(k.record(k.lease), !k.leading.IsZero(), now)
	verdict, again := Judge(k.seen, k.Holder, now)
	switch verdict {
	case Watch:
		return again, nil
	case Take:
		if err := k.identify(ctx); err != nil {
			return lookEvery, err
		}
		return k.take(ctx)
	case Refuse:
		return 0, k.refused(k.lease)
	case Leave:
		return again, k.suspend(fmt.Errorf("the Lease %s/%s downstream has not the marks of this virtual node; it is left alone: delete it, or give another --claim-namespace", k.Namespace, k.LeaseName()))
	case Wait:
		return again, k.suspend(&waitingError{holder: k.seen.Record.Holder})
	}
	return again, nil
}

// waitingError says that the claim is another's, who may be alive.
type waitingError struct{ holder string }

func (e *waitingError) Error() string {
	return fmt.Sprintf("it is held by %q, of which is not known yet whether it is alive", e.holder)
}

// suspend has writes wait for a claim that is not ours, and returns the cause.
func (k *Keeper) suspend(cause error) error {
	k.held = false
	k.Gate.suspend(cause)
	return cause
}

// identify returns nil if the downstream cluster is the virtual node's.
func (k *Keeper) identify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := k.Identify(ctx)
	return err
}

// look reads the Lease.
func (k *Keeper) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	lease, err := k.leases().Get(ctx, k.LeaseName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		k.lease = nil
	case err != nil:
		return fmt.Errorf("cannot read the claim: %w", err)
	default:
		k.lease = lease
	}
	k.known = true
	return nil
}

// take takes the claim, or renews it, unless somebody has written to it since it
// was last seen. It returns when that has to be done again.
func (k *Keeper) take(ctx context.Context) (time.Duration, error) {
	sent := time.Now()
	next := k.Claimant.held(k.lease, sent)
	k.known = false
	var err error
	if k.lease == nil {
		next, err = k.create(ctx, next)
	} else {
		next, err = k.update(ctx, next)
	}
	if apierrors.IsNotFound(err) && k.held {
		// Somebody deleted it, or it never was in the cluster that answers now.
		return lookEvery, k.suspend(fmt.Errorf("cannot renew the claim: %w", err))
	}
	if err != nil {
		return lookEvery, fmt.Errorf("cannot write the claim: %w", err)
	}
	// What was seen of others is of no use any more.
	k.seen = Sight{}
	k.lease, k.known = next, true
	turnedAway := k.Gate.open(sent.Add(goodFor))
	if !k.held {
		k.held = true
		logf.FromContext(ctx).Info("The claim is held", "holder", k.Holder, "afterLeading", time.Since(k.leading).Round(time.Millisecond).String())
	}
	if turnedAway {
		k.Recovered()
	}
	return renewEvery, nil
}

func (k *Keeper) leases() coordinationclient.LeaseInterface {
	return k.Downstream.CoordinationV1().Leases(k.Namespace)
}

func (k *Keeper) update(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return k.leases().Update(ctx, lease, metav1.UpdateOptions{})
}

// create creates the Lease, and its namespace if there is none.
func (k *Keeper) create(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	created, err := k.createLease(ctx, lease)
	if !apierrors.IsNotFound(err) {
		return created, err
	}
	if err := k.createNamespace(ctx); err != nil {
		return nil, fmt.Errorf("cannot create its namespace: %w", err)
	}
	return k.createLease(ctx, lease)
}

func (k *Keeper) createLease(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return k.leases().Create(ctx, lease, metav1.CreateOptions{})
}

// createNamespace creates one without marks: it serves others as well, and must not go
// with what is ours.
func (k *Keeper) createNamespace(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: k.Namespace}}
	_, err := k.Downstream.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// release gives the claim back, unless a write is under way that may still arrive:
// then it has to run out.
func (k *Keeper) release(ctx context.Context) {
	k.Gate.shut(errStopped)
	if !k.held {
		return
	}
	log := logf.FromContext(ctx)
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	if err := k.giveBack(ctx); err != nil {
		log.Info("The claim is not released; others have to wait until it has run out", "cause", err.Error())
		return
	}
	log.Info("The claim is released")
}

func (k *Keeper) giveBack(ctx context.Context) error {
	if !k.Gate.drained(ctx) {
		return errors.New("writes are under way")
	}
	if !k.known {
		if err := k.look(ctx); err != nil {
			return err
		}
	}
	if k.record(k.lease).Holder != k.Holder {
		return errors.New("it is not held any more")
	}
	if _, err := k.update(ctx, released(k.lease)); err != nil {
		return fmt.Errorf("cannot write the claim: %w", err)
	}
	return nil
}

// report logs why the claim cannot be held, once for each cause.
func (k *Keeper) report(ctx context.Context, err error) {
	if err != nil {
		k.Gate.explain(err)
	}
	trouble := troubleOf(err)
	if trouble == k.trouble {
		return
	}
	k.trouble = trouble
	log := logf.FromContext(ctx)
	if err == nil {
		log.Info("The claim can be read and written again")
		return
	}
	log.Info("The claim on the downstream cluster is not held or cannot be renewed; without it nothing is written there. Trying again", "cause", err.Error())
}

// troubleOf tells causes apart; their texts may differ from try to try.
func troubleOf(err error) string {
	if err == nil {
		return ""
	}
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	if _, unanswered := errors.AsType[*url.Error](err); unanswered {
		return "unanswered"
	}
	return err.Error()
}
