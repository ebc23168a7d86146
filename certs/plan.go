package certs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Policy is how long certificates last, and for whom they are.
type Policy struct {
	// Names are the DNS names and addresses under which API servers ask.
	Names []string
	// Life is that of a serving certificate; it is renewed when a third is left.
	Life time.Duration
	// AuthorityLife is that of a CA; its successor is made when a third is left. At
	// least three times Life and Overlap together, so that the successor signs before a
	// certificate would have to be shorter than Life.
	AuthorityLife time.Duration
	// Overlap is how long every webhook configuration has held a CA before that signs:
	// longer than any API server lags behind.
	Overlap time.Duration
}

// DefaultPolicy is a good one but for the names, which it lacks: 90 days, 5 years, a day.
func DefaultPolicy() Policy {
	return Policy{Life: 90 * 24 * time.Hour, AuthorityLife: 5 * 365 * 24 * time.Hour, Overlap: 24 * time.Hour}
}

// Validate names what cannot work, by the flags of `spillway webhook`.
func (p Policy) Validate() error {
	var errs []error
	if len(p.Names) == 0 {
		errs = append(errs, errors.New("--cert-dns-names: none given"))
	}
	for _, name := range p.Names {
		if net.ParseIP(name) == nil && len(validation.IsDNS1123Subdomain(name)) > 0 {
			errs = append(errs, fmt.Errorf("--cert-dns-names: %q is neither a DNS name nor an address", name))
		}
	}
	if p.Life < MinimalLife {
		errs = append(errs, fmt.Errorf("--cert-lifetime %s: shorter than %s", p.Life, MinimalLife))
	}
	if p.Overlap < time.Second {
		errs = append(errs, fmt.Errorf("--cert-overlap %s: shorter than a second, in which API servers may not hear of a new CA", p.Overlap))
	}
	if least := 3 * (p.Life + p.Overlap); p.AuthorityLife < least {
		errs = append(errs, fmt.Errorf("--ca-lifetime %s: shorter than %s, three times --cert-lifetime and --cert-overlap together", p.AuthorityLife, least))
	}
	return errors.Join(errs...)
}

// MinimalLife is the shortest one of a serving certificate: times in certificates are
// whole seconds.
const MinimalLife = 6 * time.Second

// skew is how wrong clocks may be, both ways.
func (p Policy) skew() time.Duration { return min(time.Hour, p.Life/3) }

// Situation is all that a plan depends on.
type Situation struct {
	// Content is what the Secret has.
	Content Content
	// Remembered is the last content that could be served, if there was one: what
	// replicas serve, and API servers know, while Content cannot be used.
	Remembered Content
	// Held says that every webhook configuration had the ca.crt of Content as its
	// caBundle when it was last read.
	Held bool
	Now  time.Time
}

// Step is what a plan comes to.
type Step struct {
	// Content is what the Secret should have; nil if it has that.
	Content Content
	// Reasons say why, one for each change, and what was broken.
	Reasons []string
	// Until is when there will be something to do if nothing happens before.
	Until time.Time
}

// Plan says what the Secret should have. It is to be asked again whenever anything in
// the situation changed, and at Step.Until. Errors are those of random, or that the
// clock is wrong: what was made under a right one is not replaced then.
func Plan(p Policy, s Situation, random io.Reader) (Step, error) {
	st, broken := read(s.Content)
	d := &draft{policy: p, now: s.Now, held: s.Held, random: random, state: st, reasons: broken}
	if ca := st.signer.Certificate; ca != nil && s.Now.Before(ca.NotBefore) {
		return Step{}, fmt.Errorf("the clock here is wrong: it is %s, and the CA was made after %s", stamp(s.Now), stamp(ca.NotBefore))
	}
	refused := Adopt(s.Content, s.Remembered, s.Now)
	if known := s.Held && usable(st.leaf, st.bundle, s.Now) == nil; refused != nil && !known {
		d.restore(s.Remembered, refused)
	}
	for _, decide := range []func() error{d.keepAuthority, d.seeNext, d.promote, d.renew} {
		if err := decide(); err != nil {
			return Step{}, err
		}
	}
	return d.step(s)
}

func (d *draft) step(s Situation) (Step, error) {
	d.rememberPrevious()
	d.leave()
	content, err := d.write()
	if err != nil {
		return Step{}, err
	}
	step := Step{Until: d.until()}
	if s.Content.same(content) {
		return step, nil
	}
	if len(d.reasons) == 0 {
		d.reasons = []string{"put in order"}
	}
	step.Content, step.Reasons = content, d.reasons
	return step, nil
}

// same compares what is ours.
func (c Content) same(other Content) bool {
	own := maps.Clone(c)
	maps.DeleteFunc(own, func(key string, value []byte) bool {
		return !slices.Contains(ownKeys(), key) || len(value) == 0
	})
	return maps.EqualFunc(own, other, bytes.Equal)
}

// Adopt says, by an error, why a replica may not serve what the Secret has, but should
// go on with what it remembers of it: because it cannot be read, because its own
// ca.crt does not vouch for it, or because API servers may not know yet who signed it.
func Adopt(content, remembered Content, now time.Time) error {
	st, broken := read(content)
	if err := usable(st.leaf, st.bundle, now); err != nil {
		if len(broken) > 0 {
			return fmt.Errorf("%w (%s)", err, strings.Join(broken, "; "))
		}
		return err
	}
	if remembered == nil {
		return nil
	}
	before, _ := read(remembered)
	inUse := usable(before.leaf, before.bundle, now) == nil
	if inUse && usable(st.leaf, before.bundle, now) != nil {
		return fmt.Errorf("%s was signed by %s, which was not in %s before", ChainKey, st.leaf.Certificate.Issuer, BundleKey)
	}
	return nil
}
