package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"time"
)

// serialBits is how long serial numbers are; RFC 5280 allows 159.
const serialBits = 120

// Pair is a certificate with its key.
type Pair struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// NewAuthority makes a CA, valid from the skew before now to life after it. CAs
// have different names, so that it shows which one a certificate is of.
func NewAuthority(random io.Reader, now time.Time, life, skew time.Duration) (Pair, error) {
	serial, err := serialNumber(random)
	if err != nil {
		return Pair{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return Pair{}, fmt.Errorf("cannot make the key of a CA: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: fmt.Sprintf("spillway-ca-%s-%x", now.UTC().Format("20060102"), serial.Bytes()[:4])},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(life),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	return issue(random, template, Pair{Certificate: template, Key: key}, key)
}

// Serving makes a serving certificate for DNS names and addresses, ECDSA P-256,
// valid from the skew before now to life after it, and no longer than its CA.
func (ca Pair) Serving(random io.Reader, names []string, now time.Time, life, skew time.Duration) (Pair, error) {
	serial, err := serialNumber(random)
	if err != nil {
		return Pair{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return Pair{}, fmt.Errorf("cannot make the key of a serving certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "spillway-webhook"},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(life),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if template.NotAfter.After(ca.Certificate.NotAfter) {
		template.NotAfter = ca.Certificate.NotAfter
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	return issue(random, template, ca, key)
}

func issue(random io.Reader, template *x509.Certificate, ca Pair, key crypto.Signer) (Pair, error) {
	der, err := x509.CreateCertificate(random, template, ca.Certificate, key.Public(), ca.Key)
	if err != nil {
		return Pair{}, fmt.Errorf("cannot make a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, fmt.Errorf("cannot read the certificate just made: %w", err)
	}
	return Pair{Certificate: certificate, Key: key}, nil
}

// serialNumber is never short, so that its first bytes can be in a name.
func serialNumber(random io.Reader) (*big.Int, error) {
	bytes := make([]byte, serialBits/8)
	if _, err := io.ReadFull(random, bytes); err != nil {
		return nil, fmt.Errorf("cannot make a serial number: %w", err)
	}
	bytes[0] = bytes[0]&0x7f | 0x40
	return new(big.Int).SetBytes(bytes), nil
}

// isFor says whether a certificate is for these names and addresses, and no other.
func isFor(certificate *x509.Certificate, names []string) bool {
	want := make([]string, 0, len(names))
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			name = address.String()
		}
		want = append(want, name)
	}
	has := Names(certificate)
	slices.Sort(want)
	slices.Sort(has)
	return slices.Equal(slices.Compact(want), slices.Compact(has))
}
