package keeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/certs"
)

// LookInterval is how soon the leader puts a caBundle back that somebody has
// overwritten: opted-in pods are refused until then.
const LookInterval = 2 * time.Second

// shortestPause is that between two passes, whatever a plan says.
const shortestPause = 100 * time.Millisecond

var errNoSecret = errors.New("the Secret of certificates does not exist; create it, empty")

// Leader renews what a Keeper hands out. It is a Runnable of controller-runtime's
// manager, for the elected replica.
type Leader struct {
	Keeper         *Keeper
	Policy         certs.Policy
	Configurations Configurations
	// Writer writes the Secret.
	Writer client.Writer
}

// NeedLeaderElection says that only one replica writes.
func (*Leader) NeedLeaderElection() bool { return true }

// Start plans and writes until ctx ends.
func (l *Leader) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithValues("secret", l.Keeper.name.String())
	var told string
	for {
		until, err := l.pass(logf.IntoContext(ctx, log))
		switch {
		case err == nil:
			told = ""
		case ctx.Err() != nil || apierrors.IsConflict(err):
			log.V(1).Info("The certificates are looked at again", "cause", err.Error())
		case err.Error() != told:
			log.Error(err, "Cannot keep the certificates as they should be yet")
			told = err.Error()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.Keeper.changed:
		case <-time.After(max(shortestPause, min(LookInterval, until.Sub(l.Keeper.now())))):
		}
	}
}

// pass makes everything right once: first the Secret, then who must trust it. It
// returns when it is time for the next pass at the latest.
func (l *Leader) pass(ctx context.Context) (until time.Time, err error) {
	later := l.Keeper.now().Add(LookInterval)
	secret := l.Keeper.current()
	if secret == nil {
		return later, errNoSecret
	}
	all, readErr := l.Configurations.read(ctx)
	situation := l.Keeper.situation(secret, readErr == nil && held(all, secret.Data[certs.BundleKey]))
	step, err := certs.Plan(l.Policy, situation, rand.Reader)
	if err != nil {
		return later, fmt.Errorf("cannot plan: %w", err)
	}
	if step.Content != nil {
		if secret, err = l.write(ctx, secret, step); err != nil {
			return later, errors.Join(readErr, err)
		}
	}
	return step.Until, errors.Join(readErr, l.publish(ctx, all, secret.Data[certs.BundleKey]))
}

// write replaces what is ours in the Secret, unless somebody has written it since it
// was read.
func (l *Leader) write(ctx context.Context, secret *corev1.Secret, step certs.Step) (*corev1.Secret, error) {
	log := logf.FromContext(ctx)
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	wanted := secret.DeepCopy()
	wanted.Data = step.Content.Into(secret.Data)
	if err := l.Writer.Update(ctx, wanted, client.FieldOwner(fieldOwner)); err != nil {
		return nil, fmt.Errorf("cannot write the Secret of certificates: %w", err)
	}
	log.Info("Wrote the certificates", "why", strings.Join(step.Reasons, "; "))
	l.Keeper.take(log, wanted)
	return wanted, nil
}

// publish has every configuration trust the bundle. The Secret comes first: what is
// trusted before it can be found again would be lost with this process.
func (l *Leader) publish(ctx context.Context, all []configuration, bundle []byte) error {
	log := logf.FromContext(ctx)
	var errs []error
	for _, c := range all {
		lacking := c.lacking(bundle)
		if len(lacking) == 0 {
			continue
		}
		if err := l.Configurations.patch(ctx, c, bundle); err != nil {
			errs = append(errs, err)
			continue
		}
		log.Info("Set the caBundle", "configuration", c.name, "entries", len(lacking))
	}
	return errors.Join(errs...)
}
