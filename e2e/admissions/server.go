package admissions

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Server is one that answers admissions, which nobody but the measurement asks.
type Server struct {
	name   string
	url    string
	client *http.Client
}

// NewServer knows a server by the CA of its certificate. As API servers do, it speaks
// HTTP/1.1 to it, and keeps connections.
func NewServer(name, url, ca string) (*Server, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("cannot read the CA of %s: %w", name, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s is no CA", ca)
	}
	return &Server{name: name, url: url + "?timeout=10s", client: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 25,
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		},
	}}, nil
}

// answer is as much of an answer as is looked at.
type answer struct {
	Response struct {
		Allowed  bool     `json:"allowed"`
		Patch    []byte   `json:"patch"`
		Warnings []string `json:"warnings"`
	} `json:"response"`
}

// Ask posts a review and returns the answer as it came.
func (s *Server) Ask(ctx context.Context, review []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(review))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"allowed":true`)) {
		return nil, fmt.Errorf("%s does not allow the pod: %s %.500s", s.name, response.Status, body)
	}
	return body, nil
}

// Patch asks once and returns the patch, and how many operations it has.
func (s *Server) Patch(ctx context.Context, review []byte) (patch []byte, operations int, err error) {
	body, err := s.Ask(ctx, review)
	if err != nil {
		return nil, 0, err
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, 0, err
	}
	var list []json.RawMessage
	if len(a.Response.Patch) > 0 {
		err = json.Unmarshal(a.Response.Patch, &list)
	}
	if err == nil && len(a.Response.Warnings) > 0 {
		err = fmt.Errorf("%s warns: %q", s.name, a.Response.Warnings)
	}
	return a.Response.Patch, len(list), err
}
