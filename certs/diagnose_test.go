package certs_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/certs"
)

const hour = time.Hour

func now() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// authority makes a CA that was made when, for a life.
func authority(t *testing.T, when time.Time, life time.Duration) certs.Pair {
	t.Helper()
	ca, err := certs.NewAuthority(rand.Reader, when, life, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func serving(t *testing.T, ca certs.Pair, when time.Time, life time.Duration, names ...string) certs.Pair {
	t.Helper()
	pair, err := ca.Serving(rand.Reader, names, when, life, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// client is a certificate for clients.
func client(t *testing.T, ca certs.Pair) certs.Pair {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now(), NotAfter: now().Add(hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, ca.Key.Public(), ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certs.Pair{Certificate: certificate, Key: ca.Key}
}

func text(pairs ...certs.Pair) []byte {
	var der [][]byte
	for _, pair := range pairs {
		der = append(der, pair.Certificate.Raw)
	}
	return certs.EncodeChain(der)
}

func key(t *testing.T, pair certs.Pair) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestDiagnose(t *testing.T) {
	const host = "spillway-webhook.spillway-system.svc"
	ca, other := authority(t, now().Add(-99*hour), 1000*hour), authority(t, now().Add(-99*hour), 1000*hour)
	good := serving(t, ca, now().Add(-hour), 100*hour, host, "127.0.0.1")
	old := serving(t, ca, now().Add(-10*hour), 8*hour, host)
	endedCA := authority(t, now().Add(-100*hour), 50*hour)
	cases := map[string]struct {
		reason string
		served certs.Served
		trust  certs.Trust
		causes []certs.Cause
		says   string
	}{
		"good":              {"nothing is wrong", certs.Served{Chain: text(good), Key: key(t, good)}, certs.Trust{Bundle: text(other, ca), Host: host}, nil, ""},
		"good-by-address":   {"a URL with an address", certs.Served{Chain: text(good)}, certs.Trust{Bundle: text(ca), Host: "127.0.0.1"}, nil, ""},
		"nothing":           {"before the first certificate", certs.Served{}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.NoCertificate}, "no certificate"},
		"garbage":           {"somebody's edit", certs.Served{Chain: []byte("tls.crt")}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.Garbage}, "no PEM block"},
		"cut-off":           {"half a file", certs.Served{Chain: text(good)[:200]}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.Garbage}, "damaged"},
		"key-as-chain":      {"files mixed up", certs.Served{Chain: key(t, good)}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.Garbage}, "not a CERTIFICATE"},
		"foreign-key":       {"files of two versions", certs.Served{Chain: text(good), Key: key(t, old)}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.KeyMismatch}, "not that of the certificate"},
		"garbage-key":       {"", certs.Served{Chain: text(good), Key: []byte("x")}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.KeyMismatch}, "cannot be read"},
		"expired":           {"not renewed", certs.Served{Chain: text(old)}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.Expired}, "expired at 2026-06-01T10:00:00Z, 2h0m0s ago"},
		"not-yet":           {"a clock", certs.Served{Chain: text(serving(t, ca, now().Add(hour), hour, host))}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.NotYetValid}, "before 2026-06-01T13:00:00Z, in 1h0m0s"},
		"wrong-host":        {"another Service", certs.Served{Chain: text(good)}, certs.Trust{Bundle: text(ca), Host: "other.ns.svc"}, []certs.Cause{certs.WrongHost}, host + ", 127.0.0.1, but is asked for as other.ns.svc"},
		"no-host":           {"a common name only", certs.Served{Chain: text(serving(t, ca, now(), hour))}, certs.Trust{Bundle: text(ca), Host: host}, []certs.Cause{certs.WrongHost}, "common name"},
		"empty-bundle":      {"Helm took it away", certs.Served{Chain: text(good)}, certs.Trust{Bundle: []byte("\n"), Host: host}, []certs.Cause{certs.EmptyBundle}, "no caBundle"},
		"garbage-bundle":    {"", certs.Served{Chain: text(good)}, certs.Trust{Bundle: []byte("Cg=="), Host: host}, []certs.Cause{certs.GarbageBundle}, "no PEM block"},
		"foreign-ca":        {"another installation's", certs.Served{Chain: text(good)}, certs.Trust{Bundle: text(other), Host: host}, []certs.Cause{certs.ForeignCA}, "was signed by " + ca.Certificate.Subject.String() + ", but the caBundle has only " + other.Certificate.Subject.String()},
		"expired-ca":        {"its signer ended first", certs.Served{Chain: text(serving(t, endedCA, now().Add(-60*hour), 10*hour, host))}, certs.Trust{Bundle: text(endedCA), Host: host}, []certs.Cause{certs.Expired}, "expired at"},
		"not-for-servers":   {"a client's certificate", certs.Served{Chain: text(client(t, ca))}, certs.Trust{Bundle: text(ca)}, []certs.Cause{certs.Unfit}, "usage"},
		"everything-at-one": {"all causes at once", certs.Served{Chain: text(old), Key: key(t, good)}, certs.Trust{Bundle: text(other), Host: "x"}, []certs.Cause{certs.KeyMismatch, certs.Expired, certs.WrongHost, certs.ForeignCA}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			findings := certs.Diagnose(tc.served, tc.trust, now())
			var causes []certs.Cause
			var said strings.Builder
			for _, finding := range findings {
				causes = append(causes, finding.Cause)
				said.WriteString(finding.String())
				if !finding.Refused() {
					t.Errorf("API servers accept it in spite of %s", finding)
				}
			}
			if diff := cmp.Diff(tc.causes, causes); diff != "" {
				t.Errorf("%s: -want +got\n%s%s", tc.reason, diff, said.String())
			}
			if !strings.Contains(said.String(), tc.says) {
				t.Errorf("%q, want %q in it", said.String(), tc.says)
			}
		})
	}
}

// TestDiagnoseSoon: what is late is told of while it still works.
func TestDiagnoseSoon(t *testing.T) {
	ca := authority(t, now().Add(-200*hour), 1000*hour)
	for age, want := range map[time.Duration]bool{66 * hour: false, 79 * hour: false, 81 * hour: true} {
		leaf := serving(t, ca, now().Add(-age), 100*hour, "a.b.svc")
		findings := certs.Diagnose(certs.Served{Chain: text(leaf)}, certs.Trust{Bundle: text(ca), Host: "a.b.svc"}, now())
		switch {
		case want && (len(findings) != 1 || findings[0].Cause != certs.ExpiresSoon || findings[0].Refused()):
			t.Errorf("after %s: %v, want %s", age, findings, certs.ExpiresSoon)
		case !want && len(findings) > 0:
			t.Errorf("after %s: %v, want nothing", age, findings)
		}
	}
}

// FuzzDiagnose: whatever is served and trusted, there is an answer.
func FuzzDiagnose(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []byte("x"), []byte("-----BEGIN"), "host")
	f.Fuzz(func(t *testing.T, chain, private, bundle []byte, host string) {
		if len(certs.Diagnose(certs.Served{Chain: chain, Key: private}, certs.Trust{Bundle: bundle, Host: host}, now())) == 0 {
			t.Error("nothing is wrong with garbage")
		}
		_, err := certs.Plan(certs.Policy{Names: []string{"a"}, Life: hour, AuthorityLife: 6 * hour, Overlap: hour}, certs.Situation{
			Content: certs.Content{certs.BundleKey: bundle, certs.ChainKey: chain, certs.PrivateKeyKey: private, certs.NextSeenKey: []byte(host)}, Now: now(),
		}, rand.Reader)
		if err != nil {
			t.Error(err)
		}
	})
}
