package playground

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity is how long every certificate of a playground lasts; nothing here
// lives longer.
const validity = 7 * 24 * time.Hour

// clockSkew is how far in the past certificates begin, for machines whose
// clock is corrected while a playground runs.
const clockSkew = time.Hour

// authority is a certificate authority made for one purpose and kept in memory.
type authority struct {
	issued
}

// issued is a certificate with its key, for use here and as PEM.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  keyPair
}

// keyPair is a certificate and its key, both PEM.
type keyPair struct {
	cert, key []byte
}

func newAuthority(name string) (*authority, error) {
	template := newCertificate(pkix.Name{CommonName: name})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	self, err := sign(template, nil)
	return &authority{issued: self}, err
}

// issueClient certifies a user. Kubernetes reads the user's name from the
// common name and its groups from the organizations.
func (a *authority) issueClient(user string, groups ...string) (keyPair, error) {
	template := newCertificate(pkix.Name{CommonName: user, Organization: groups})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	client, err := sign(template, a)
	return client.pem, err
}

// issueServer certifies a server for the given host names and addresses.
func (a *authority) issueServer(name string, hosts ...string) (keyPair, error) {
	template := newCertificate(pkix.Name{CommonName: name})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	server, err := sign(template, a)
	return server.pem, err
}

func newCertificate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:   subject,
		NotBefore: now.Add(-clockSkew),
		NotAfter:  now.Add(validity),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
}

// sign makes a key and certifies it with the issuer's, or with itself if there
// is no issuer.
func sign(template *x509.Certificate, issuer *authority) (issued, error) {
	fail := func(err error) (issued, error) {
		return issued{}, fmt.Errorf("cannot make a certificate for %s: %w", template.Subject, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return fail(err)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	certDER, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return fail(err)
	}
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return fail(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fail(err)
	}
	return issued{cert: cert, key: key, pem: keyPair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}}, nil
}

// write puts the pair beside each other as <dir>/<name>.crt and .key.
func (k keyPair) write(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make a folder for certificates: %w", err)
	}
	for suffix, content := range map[string][]byte{".crt": k.cert, ".key": k.key} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), content, 0o600); err != nil {
			return fmt.Errorf("cannot write a certificate: %w", err)
		}
	}
	return nil
}

// ServingCert makes a certificate authority and a server certificate for the
// given host names and addresses, and writes ca.crt, tls.crt and tls.key into
// dir: what a webhook server needs and what its callers must trust.
func ServingCert(dir string, hosts ...string) error {
	ca, err := newAuthority("playground-serving")
	if err != nil {
		return err
	}
	keys, err := ca.issueServer("playground-server", hosts...)
	if err != nil {
		return err
	}
	if err := keys.write(dir, "tls"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), ca.pem.cert, 0o600); err != nil {
		return fmt.Errorf("cannot write a certificate: %w", err)
	}
	return nil
}
