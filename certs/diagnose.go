package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cause names what is wrong with a certificate, for logs, metrics and people.
type Cause string

// The causes, in the order in which Diagnose finds them.
const (
	// NoCertificate: nothing is served.
	NoCertificate Cause = "no-certificate"
	// Garbage: what is served is not PEM, or holds no certificate that can be read.
	Garbage Cause = "garbage"
	// KeyMismatch: the private key is not that of the certificate.
	KeyMismatch Cause = "key-mismatch"
	// Expired: the certificate, or a CA above it, is no longer valid.
	Expired Cause = "expired"
	// NotYetValid: the certificate, or a CA above it, is not valid before a time to
	// come; or the clock is wrong.
	NotYetValid Cause = "not-yet-valid"
	// WrongHost: the certificate is for other names.
	WrongHost Cause = "wrong-host"
	// EmptyBundle: the caBundle is empty, so API servers trust only the CAs of their
	// own machine.
	EmptyBundle Cause = "empty-ca-bundle"
	// GarbageBundle: the caBundle holds no certificate that can be read.
	GarbageBundle Cause = "garbage-ca-bundle"
	// ForeignCA: no CA of the caBundle has signed the certificate.
	ForeignCA Cause = "foreign-ca"
	// Unfit: the chain fails for another reason, as when it is not for servers.
	Unfit Cause = "unfit"
	// ExpiresSoon: all is well, but whoever renews the certificate should have done
	// so by now. The only cause with which API servers still accept it.
	ExpiresSoon Cause = "expires-soon"
)

// Causes returns all of them.
func Causes() []Cause {
	return []Cause{
		NoCertificate, Garbage, KeyMismatch, Expired, NotYetValid, WrongHost, EmptyBundle, GarbageBundle, ForeignCA, Unfit, ExpiresSoon,
	}
}

// soon is the part of a certificate's life at the end of which it ExpiresSoon. The
// built-in renewal and cert-manager's default both come at a third.
const soon = 5

// Finding is one thing that is wrong.
type Finding struct {
	Cause Cause
	// Text is a sentence's worth of it, without the cause's name and without keys.
	Text string
}

// Refused says that API servers do not accept the certificate.
func (f Finding) Refused() bool { return f.Cause != ExpiresSoon }

// String is the cause and the text.
func (f Finding) String() string { return string(f.Cause) + ": " + f.Text }

// Served is a certificate as a server shows it.
type Served struct {
	// Chain is PEM: the certificate, and the intermediate CAs after it.
	Chain []byte
	// Key is the PEM of its private key; empty if it is not known.
	Key []byte
}

// Trust is how a client judges a certificate.
type Trust struct {
	// Bundle is PEM: the CAs that it trusts, as in caBundle.
	Bundle []byte
	// Host is the DNS name or address that it asks for; empty if names do not matter.
	// For a Service that is NAME.NAMESPACE.svc.
	Host string
}

// Diagnose says what is wrong with a served certificate in the eyes of a client at
// the time now: everything at once, so that nobody repairs one thing to find the
// next. Nothing is wrong if there are no findings.
func Diagnose(served Served, trust Trust, now time.Time) []Finding {
	if len(bytes.TrimSpace(served.Chain)) == 0 {
		return []Finding{{NoCertificate, "no certificate is served"}}
	}
	chain, err := ParseCertificates(served.Chain)
	if err != nil {
		return []Finding{{Garbage, "the certificate cannot be read: " + err.Error()}}
	}
	leaf := chain[0]
	findings := slices.Concat(diagnoseKey(served, leaf), diagnoseTime(leaf, now), diagnoseHost(leaf, trust.Host), diagnoseTrust(chain, trust.Bundle, now))
	if left := leaf.NotAfter.Sub(now); len(findings) == 0 && left < leaf.NotAfter.Sub(leaf.NotBefore)/soon {
		findings = append(findings, Finding{ExpiresSoon, fmt.Sprintf("expires at %s, in %s, and has not been renewed", stamp(leaf.NotAfter), left.Round(time.Second))})
	}
	return findings
}

func diagnoseKey(served Served, leaf *x509.Certificate) []Finding {
	if len(served.Key) == 0 {
		return nil
	}
	key, err := parseKey(served.Key)
	switch {
	case err != nil:
		return []Finding{{KeyMismatch, "the private key cannot be read: " + err.Error()}}
	case !fits(leaf, key):
		return []Finding{{KeyMismatch, "the private key is not that of the certificate"}}
	}
	return nil
}

func diagnoseTime(leaf *x509.Certificate, now time.Time) []Finding {
	switch {
	case now.After(leaf.NotAfter):
		return []Finding{{Expired, fmt.Sprintf("expired at %s, %s ago", stamp(leaf.NotAfter), now.Sub(leaf.NotAfter).Round(time.Second))}}
	case now.Before(leaf.NotBefore):
		return []Finding{{NotYetValid, fmt.Sprintf("is not valid before %s, in %s; or the clock here is wrong", stamp(leaf.NotBefore), leaf.NotBefore.Sub(now).Round(time.Second))}}
	}
	return nil
}

func diagnoseHost(leaf *x509.Certificate, host string) []Finding {
	if host == "" || leaf.VerifyHostname(host) == nil {
		return nil
	}
	names := Names(leaf)
	if len(names) == 0 {
		return []Finding{{WrongHost, fmt.Sprintf("names no host, but is asked for as %s; a common name does not count", host)}}
	}
	return []Finding{{WrongHost, fmt.Sprintf("is for %s, but is asked for as %s", strings.Join(names, ", "), host)}}
}

func diagnoseTrust(chain []*x509.Certificate, bundle []byte, now time.Time) []Finding {
	if len(bytes.TrimSpace(bundle)) == 0 {
		return []Finding{{EmptyBundle, "no caBundle says which CA signs the certificate"}}
	}
	roots, err := ParseCertificates(bundle)
	if err != nil {
		return []Finding{{GarbageBundle, "the caBundle cannot be read: " + err.Error()}}
	}
	leaf := chain[0]
	// Its own time has been judged already.
	at := now
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	} else if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	err = verify(chain, roots, at)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return []Finding{{ForeignCA, foreign(chain, roots)}}
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired && invalid.Cert != nil {
		if at.Before(invalid.Cert.NotBefore) {
			return []Finding{{NotYetValid, fmt.Sprintf("its CA, %s, is not valid before %s", name(invalid.Cert), stamp(invalid.Cert.NotBefore))}}
		}
		return []Finding{{Expired, fmt.Sprintf("its CA, %s, expired at %s", name(invalid.Cert), stamp(invalid.Cert.NotAfter))}}
	}
	return []Finding{{Unfit, err.Error()}}
}

// verify is what API servers do, but for the host's name.
func verify(chain, roots []*x509.Certificate, at time.Time) error {
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, intermediate := range chain[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	_, err := chain[0].Verify(options)
	return err
}

// foreign compares who signed with who is trusted.
func foreign(chain, roots []*x509.Certificate) string {
	last := chain[len(chain)-1]
	issuer := last.Issuer.String()
	if issuer == "" {
		issuer = "a CA without a name"
	}
	var trusted []string
	for _, root := range roots {
		if bytes.Equal(root.RawSubject, last.RawIssuer) {
			return fmt.Sprintf("was signed by %s; the CA of that name in the caBundle has another key", issuer)
		}
		trusted = append(trusted, name(root))
	}
	return fmt.Sprintf("was signed by %s, but the caBundle has only %s", issuer, strings.Join(trusted, "; "))
}

// Names are the DNS names and addresses that a certificate is for.
func Names(leaf *x509.Certificate) []string {
	names := slices.Clone(leaf.DNSNames)
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	return names
}

func name(certificate *x509.Certificate) string {
	if subject := certificate.Subject.String(); subject != "" {
		return subject
	}
	return "a CA without a name"
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
