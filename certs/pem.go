package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY"
)

// ParseCertificates reads the certificates of PEM, in their order; there must be
// one at least, and nothing else but blanks and text between the blocks. Errors
// never quote the content.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if bytes.Contains(rest, []byte("-----BEGIN")) {
				return nil, errors.New("a PEM block is damaged")
			}
			break
		}
		if block.Type != certificateBlock {
			return nil, fmt.Errorf("a PEM block is not a %s", certificateBlock)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate number %d: %w", len(all)+1, err)
		}
		all = append(all, certificate)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no PEM block in it")
	}
	return all, nil
}

// EncodeChain is the PEM of certificates as TLS carries them.
func EncodeChain(der [][]byte) []byte {
	var text []byte
	for _, certificate := range der {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: certificate})...)
	}
	return text
}

func encode(certificates ...*x509.Certificate) []byte {
	var der [][]byte
	for _, certificate := range certificates {
		der = append(der, certificate.Raw)
	}
	return EncodeChain(der)
}

// parseKey reads a private key as this package writes it, and as other tools do.
func parseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("there is no PEM block in it")
	}
	var key any
	var err error
	switch {
	case block.Type == "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case strings.HasSuffix(block.Type, keyBlock):
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, errors.New("its PEM block is not a private key")
	}
	if err != nil {
		// The error's text could quote what was read.
		return nil, errors.New("it is not a private key of a known kind")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("it is not a key that signs")
	}
	return signer, nil
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

// fits says whether the key is the certificate's.
func fits(certificate *x509.Certificate, key crypto.Signer) bool {
	public, ok := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}
