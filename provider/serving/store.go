package serving

import (
	"crypto/tls"
	"fmt"
	"sync"

	"k8s.io/client-go/util/certificate"
)

// filePrefix is how the files of a kept certificate begin.
const filePrefix = "kubelet-api"

// store keeps the newest certificate in memory and, if files is set, there too. It
// is a certificate.Store.
type store struct {
	// files is nil when nothing is kept over a restart.
	files certificate.Store
	// updated is told of every new certificate; it must not block.
	updated func(*tls.Certificate)

	mu     sync.Mutex
	newest *tls.Certificate
}

// newStore finds what an earlier process has kept in the directory, if there is
// one.
func newStore(directory string, updated func(*tls.Certificate)) (*store, error) {
	s := &store{updated: updated}
	if directory == "" {
		return s, nil
	}
	files, err := certificate.NewFileStore(filePrefix, directory, directory, "", "")
	if err != nil {
		return nil, fmt.Errorf("cannot keep certificates in %s: %w", directory, err)
	}
	s.files = files
	return s, nil
}

// Current returns the newest certificate, or a *certificate.NoCertKeyError.
func (s *store) Current() (*tls.Certificate, error) {
	if newest := s.get(); newest != nil {
		return newest, nil
	}
	if s.files == nil {
		none := certificate.NoCertKeyError("no certificate has been signed yet")
		return nil, &none
	}
	kept, err := s.files.Current()
	if err != nil {
		return nil, err
	}
	s.set(kept)
	return kept, nil
}

// Update takes a new certificate with its key, both PEM.
func (s *store) Update(cert, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the certificate that was signed: %w", err)
	}
	if s.files != nil {
		if _, err := s.files.Update(cert, key); err != nil {
			return nil, fmt.Errorf("cannot keep the certificate that was signed: %w", err)
		}
	}
	s.set(&pair)
	s.updated(&pair)
	return &pair, nil
}

// get returns the newest certificate, also when it has ended; nil if there is none.
func (s *store) get() *tls.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest
}

func (s *store) set(newest *tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = newest
}
