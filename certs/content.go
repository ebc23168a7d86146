package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Keys of the Secret. Those of a serving certificate are Kubernetes' own, as
// cert-manager writes them too.
const (
	// BundleKey is every CA to trust, the one that signs first.
	BundleKey = "ca.crt"
	// AuthorityKeyKey is the private key of the CA that signs.
	AuthorityKeyKey = "ca.key"
	// ChainKey is the serving certificate.
	ChainKey = "tls.crt"
	// PrivateKeyKey is its private key.
	PrivateKeyKey = "tls.key"
	// NextAuthorityKey is the CA that signs next, once it has been seen.
	NextAuthorityKey = "next-ca.crt"
	// NextAuthorityKeyKey is its private key.
	NextAuthorityKeyKey = "next-ca.key"
	// NextSeenKey is since when every webhook configuration holds it, in RFC 3339.
	NextSeenKey = "next-ca.seen"
	// PreviousKey has, of each CA, that certificate which it signed before and which
	// lasts longest: replicas that lag may still serve it.
	PreviousKey = "tls-previous.crt"
)

// Content is the data of the Secret.
type Content map[string][]byte

// state is content that has been read. What could not be used is empty in it.
type state struct {
	bundle             []*x509.Certificate
	signer, leaf, next Pair
	seen               time.Time
	previous           []*x509.Certificate
}

// read takes from content what can be used, and says what can not.
func read(content Content) (s state, broken []string) {
	complain := func(key string, err error) {
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s: %v", key, err))
		}
	}
	var err error
	if s.bundle, err = content.certificates(BundleKey); err != nil {
		complain(BundleKey, err)
	}
	s.signer, err = content.signer(s.bundle)
	complain(AuthorityKeyKey, err)
	s.leaf, err = content.pair(ChainKey, PrivateKeyKey)
	complain(ChainKey, err)
	s.next, err = content.pair(NextAuthorityKey, NextAuthorityKeyKey)
	if err == nil && s.next.Certificate != nil && !s.next.Certificate.IsCA {
		s.next, err = Pair{}, errors.New("it is not a CA")
	}
	complain(NextAuthorityKey, err)
	s.previous, err = content.certificates(PreviousKey)
	complain(PreviousKey, err)
	if text := content[NextSeenKey]; len(text) > 0 {
		s.seen, err = time.Parse(time.RFC3339Nano, string(text))
		complain(NextSeenKey, err)
	}
	return s, broken
}

func (c Content) certificates(key string) ([]*x509.Certificate, error) {
	if len(c[key]) == 0 {
		return nil, nil
	}
	return ParseCertificates(c[key])
}

// signer finds the CA whose key there is.
func (c Content) signer(bundle []*x509.Certificate) (Pair, error) {
	if len(c[AuthorityKeyKey]) == 0 {
		return Pair{}, nil
	}
	key, err := parseKey(c[AuthorityKeyKey])
	if err != nil {
		return Pair{}, err
	}
	for _, ca := range bundle {
		if ca.IsCA && fits(ca, key) {
			return Pair{Certificate: ca, Key: key}, nil
		}
	}
	return Pair{}, fmt.Errorf("it is the key of no CA in %s", BundleKey)
}

func (c Content) pair(certificate, private string) (Pair, error) {
	if len(c[certificate]) == 0 && len(c[private]) == 0 {
		return Pair{}, nil
	}
	chain, err := ParseCertificates(c[certificate])
	if err != nil {
		return Pair{}, err
	}
	key, err := parseKey(c[private])
	if err != nil {
		return Pair{}, fmt.Errorf("its key %s: %w", private, err)
	}
	if !fits(chain[0], key) {
		return Pair{}, fmt.Errorf("%s is not its key", private)
	}
	return Pair{Certificate: chain[0], Key: key}, nil
}

// write is the opposite of read.
func (s state) write() (Content, error) {
	content := Content{BundleKey: encode(s.bundle...)}
	pairs := []struct {
		pair                 Pair
		certificate, private string
	}{{s.signer, "", AuthorityKeyKey}, {s.leaf, ChainKey, PrivateKeyKey}, {s.next, NextAuthorityKey, NextAuthorityKeyKey}}
	for _, p := range pairs {
		if p.pair.Certificate == nil {
			continue
		}
		key, err := encodeKey(p.pair.Key)
		if err != nil {
			return nil, err
		}
		content[p.private] = key
		if p.certificate != "" {
			content[p.certificate] = encode(p.pair.Certificate)
		}
	}
	if s.next.Certificate != nil && !s.seen.IsZero() {
		content[NextSeenKey] = []byte(s.seen.UTC().Format(time.RFC3339Nano))
	}
	if len(s.previous) > 0 {
		content[PreviousKey] = encode(s.previous...)
	}
	return content, nil
}

// ownKeys are those of the Secret that are ours; others stay what they are.
func ownKeys() []string {
	return []string{BundleKey, AuthorityKeyKey, ChainKey, PrivateKeyKey, NextAuthorityKey, NextAuthorityKeyKey, NextSeenKey, PreviousKey}
}

// Into returns data, of a Secret, with content for what is ours in it.
func (c Content) Into(data map[string][]byte) map[string][]byte {
	merged := make(map[string][]byte, len(data)+len(c))
	for key, value := range data {
		if !slices.Contains(ownKeys(), key) {
			merged[key] = value
		}
	}
	maps.Copy(merged, c)
	return merged
}

// usable says whether API servers that trust bundle accept the certificate now.
func usable(leaf Pair, bundle []*x509.Certificate, now time.Time) error {
	if leaf.Certificate == nil {
		return errors.New("there is no serving certificate")
	}
	return verify([]*x509.Certificate{leaf.Certificate}, bundle, now)
}

// signed says whether the CA signed the certificate.
func signed(certificate, ca *x509.Certificate) bool {
	return certificate.CheckSignatureFrom(ca) == nil
}

func equal(a, b *x509.Certificate) bool {
	return a != nil && b != nil && a.Equal(b)
}
