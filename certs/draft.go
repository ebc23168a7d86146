package certs

import (
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"time"
)

// renewalPart is the part of a life at the end of which there is a successor.
const renewalPart = 3

// draft is a state on its way to a better one.
type draft struct {
	policy Policy
	now    time.Time
	held   bool // of Situation
	random io.Reader

	state
	reasons []string
}

func (d *draft) because(format string, args ...any) {
	d.reasons = append(d.reasons, fmt.Sprintf(format, args...))
}

// restore puts back what is remembered, if that can still be served. A CA that came
// in its place may sign next, when API servers know it.
func (d *draft) restore(remembered Content, refused error) {
	before, _ := read(remembered)
	if usable(before.leaf, before.bundle, d.now) != nil {
		return
	}
	d.because("what was there before is put back: %v", refused)
	stranger := d.signer
	if stranger.Certificate != nil && !slices.ContainsFunc(before.bundle, stranger.Certificate.Equal) {
		d.next, d.seen = stranger, time.Time{}
		d.signer = Pair{}
	}
	d.bundle = append(slices.Clone(before.bundle), d.bundle...)
	d.previous = append(d.previous, before.previous...)
	d.leaf = before.leaf
	if d.signer.Certificate == nil {
		d.signer = before.signer
	}
	if d.next.Certificate == nil {
		d.next, d.seen = before.next, time.Time{}
	}
}

// keepAuthority sees to it that there is a CA that signs, and that its successor is
// there in time.
func (d *draft) keepAuthority() (err error) {
	if d.next.Certificate != nil && !d.valid(d.next.Certificate) {
		d.because("the next CA is dropped: it is not valid now")
		d.next = Pair{}
	}
	if d.signer.Certificate != nil && !d.valid(d.signer.Certificate) {
		d.because("the CA is dropped: it is not valid now")
		d.signer = Pair{}
	}
	if d.signer.Certificate == nil && usable(d.leaf, d.bundle, d.now) != nil {
		// Nobody accepts what is served, if anything is: nothing is lost by haste.
		if d.signer, d.next = d.next, (Pair{}); d.signer.Certificate == nil {
			d.signer, err = d.newAuthority()
		}
		d.because("a CA signs at once: there is no serving certificate that could be used until it is known")
		return err
	}
	if d.next.Certificate != nil || d.signer.Certificate != nil && d.now.Before(d.authorityDue()) {
		return nil
	}
	d.next, err = d.newAuthority()
	d.seen = time.Time{}
	d.because("a CA that signs next is made")
	return err
}

func (d *draft) newAuthority() (Pair, error) {
	return NewAuthority(d.random, d.now, d.policy.AuthorityLife, d.policy.skew())
}

func (d *draft) valid(ca *x509.Certificate) bool {
	return !d.now.Before(ca.NotBefore) && d.now.Before(ca.NotAfter)
}

// authorityDue is when the signer's successor should be made.
func (d *draft) authorityDue() time.Time {
	ca := d.signer.Certificate
	due := ca.NotAfter.Add(-ca.NotAfter.Sub(ca.NotBefore) / renewalPart)
	if late := ca.NotAfter.Add(-d.policy.Life - d.policy.Overlap); late.Before(due) {
		return late
	}
	return due
}

// seeNext notes since when every configuration holds the next CA, without a break.
func (d *draft) seeNext() error {
	switch {
	case d.next.Certificate == nil:
		d.seen = time.Time{}
	case !d.held || !slices.ContainsFunc(d.bundle, d.next.Certificate.Equal) || d.seen.After(d.now):
		if !d.seen.IsZero() {
			d.because("the next CA waits again: a configuration did not hold it, or the clock was set back")
		}
		d.seen = time.Time{}
	case d.seen.IsZero():
		d.seen = d.now
		d.because("the next CA is in every configuration")
	}
	return nil
}

// promote has the next CA sign from now on, if it has been seen for long enough.
func (d *draft) promote() error {
	if d.next.Certificate == nil || d.seen.IsZero() || d.now.Before(d.seen.Add(d.policy.Overlap)) {
		return nil
	}
	d.bundle = append(d.bundle, d.next.Certificate)
	d.signer, d.next, d.seen = d.next, Pair{}, time.Time{}
	return d.serve("the next CA signs from now on: every configuration has held it for %s", d.policy.Overlap)
}

// renew replaces the serving certificate if it is time, or if it does not do.
func (d *draft) renew() error {
	if d.signer.Certificate == nil {
		return nil // till the next one may sign
	}
	ca, leaf := d.signer.Certificate, d.leaf.Certificate
	if err := usable(d.leaf, append(slices.Clone(d.bundle), ca), d.now); err != nil {
		return d.serve("a serving certificate is made: %v", err)
	}
	switch left := leaf.NotAfter.Sub(d.now); {
	case !isFor(leaf, d.policy.Names):
		return d.serve("the serving certificate is replaced: it is for %v, and should be for %v", Names(leaf), d.policy.Names)
	case left > d.policy.Life+d.policy.skew():
		return d.serve("the serving certificate is replaced: it lasts longer than %s", d.policy.Life)
	case !d.now.Before(d.renewal()) && leaf.NotAfter.Before(ca.NotAfter):
		return d.serve("the serving certificate is renewed: it expires in %s", left.Round(time.Second))
	}
	return nil
}

func (d *draft) renewal() time.Time {
	return d.leaf.Certificate.NotAfter.Add(-d.policy.Life / renewalPart)
}

func (d *draft) serve(format string, args ...any) (err error) {
	if d.leaf.Certificate != nil {
		d.previous = append(d.previous, d.leaf.Certificate)
	}
	d.because(format, args...)
	d.leaf, err = d.signer.Serving(d.random, d.policy.Names, d.now, d.policy.Life, d.policy.skew())
	return err
}
