package certs

import (
	"crypto/x509"
	"slices"
	"time"
)

// candidates are all CAs that may be in the bundle, the one that signs first.
func (d *draft) candidates() []*x509.Certificate {
	var all []*x509.Certificate
	for _, ca := range slices.Concat([]*x509.Certificate{d.signer.Certificate, d.next.Certificate}, d.bundle) {
		if ca != nil && !slices.ContainsFunc(all, ca.Equal) {
			all = append(all, ca)
		}
	}
	return all
}

// needed are those whose certificates may be served, now or next.
func (d *draft) needed() []*x509.Certificate {
	return slices.DeleteFunc(d.candidates(), func(ca *x509.Certificate) bool {
		if equal(ca, d.signer.Certificate) || equal(ca, d.next.Certificate) {
			return false
		}
		return !slices.ContainsFunc(d.inUse(), func(served *x509.Certificate) bool { return signed(served, ca) })
	})
}

// leave leaves only those in the bundle.
func (d *draft) leave() {
	needed := d.needed()
	for _, ca := range d.bundle {
		if !slices.ContainsFunc(needed, ca.Equal) {
			d.because("%s leaves %s: nothing that it signed is valid any more", name(ca), BundleKey)
		}
	}
	d.bundle = needed
}

// inUse are the certificates that replicas may serve, and API servers accept.
func (d *draft) inUse() []*x509.Certificate {
	if d.leaf.Certificate == nil {
		return d.previous
	}
	return append(slices.Clone(d.previous), d.leaf.Certificate)
}

// rememberPrevious keeps, of each CA, the certificate that lasts longest, unless the
// one that is served does, or it has expired.
func (d *draft) rememberPrevious() {
	var kept []*x509.Certificate
	for _, ca := range d.candidates() {
		longest := d.leaf.Certificate
		if longest != nil && !signed(longest, ca) {
			longest = nil
		}
		for _, former := range d.previous {
			if signed(former, ca) && (longest == nil || former.NotAfter.After(longest.NotAfter)) {
				longest = former
			}
		}
		if longest != nil && !equal(longest, d.leaf.Certificate) && d.now.Before(d.forgotten(longest)) {
			kept = append(kept, longest)
		}
	}
	d.previous = kept
}

// forgotten is when a certificate is expired by every clock.
func (d *draft) forgotten(former *x509.Certificate) time.Time {
	return former.NotAfter.Add(d.policy.skew())
}

// until is the next time at which a decision changes by itself.
func (d *draft) until() time.Time {
	var times []time.Time
	if d.leaf.Certificate != nil {
		times = append(times, d.leaf.Certificate.NotAfter)
		if d.signer.Certificate != nil && d.leaf.Certificate.NotAfter.Before(d.signer.Certificate.NotAfter) {
			times = append(times, d.renewal())
		}
	}
	if d.signer.Certificate != nil {
		times = append(times, d.signer.Certificate.NotAfter)
		if d.next.Certificate == nil {
			times = append(times, d.authorityDue())
		}
	}
	if d.next.Certificate != nil && !d.seen.IsZero() {
		times = append(times, d.seen.Add(d.policy.Overlap))
	}
	for _, former := range d.previous {
		times = append(times, d.forgotten(former))
	}
	return slices.MinFunc(times, time.Time.Compare)
}
