package provider

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

// TestSelfSigned: who trusts exactly this certificate can verify the virtual node
// by its address and by its name, and nobody else's server by it.
func TestSelfSigned(t *testing.T) {
	now := time.Now()
	made, err := selfSigned("east", "192.0.2.7", now)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(made.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(parsed)
	for name, tc := range map[string]struct {
		host string
		at   time.Time
		ok   bool
	}{
		"address":        {"192.0.2.7", now, true},
		"name":           {"east", now, true},
		"clock-behind":   {"east", now.Add(-30 * time.Minute), true},
		"years-later":    {"east", now.Add(5 * 365 * 24 * time.Hour), true},
		"other-address":  {"192.0.2.8", now, false},
		"after-its-time": {"east", now.Add(selfSignedFor + time.Minute), false},
	} {
		_, err := parsed.Verify(x509.VerifyOptions{DNSName: tc.host, Roots: trusted, CurrentTime: tc.at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if (err == nil) != tc.ok {
			t.Errorf("%s: verified with %v", name, err)
		}
	}
}

// TestTLS: nobody is served by an older protocol, and a client certificate is asked
// for and not required.
func TestTLS(t *testing.T) {
	made, err := selfSigned("east", "127.0.0.1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	config := tlsConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return made, nil })
	if config.MinVersion != tls.VersionTLS12 {
		t.Errorf("the oldest protocol is %x", config.MinVersion)
	}
	if config.ClientAuth != tls.RequestClientCert {
		t.Errorf("client certificates: %s", config.ClientAuth)
	}
}
