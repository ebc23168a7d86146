package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spillway-io/spillway/e2e/playground"
)

// keepEvidence writes down what is gone when everything is stopped: the metrics of the
// replicas, and the pods of both clusters as they are now.
func (s *Stage) keepEvidence(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var errs []error
	for _, replica := range s.replicas {
		errs = append(errs, keep(ctx, replica.Metrics+"/metrics", filepath.Join(s.dir, replica.Name()+".metrics")))
	}
	for _, cluster := range []*playground.Cluster{s.upstream, s.downstream} {
		pods, _, err := cluster.Kubectl(ctx, "", "get", "pods,events", "-n", namespace, "-o", "yaml")
		errs = append(errs, err, os.WriteFile(filepath.Join(s.dir, cluster.Name()+".yaml"), []byte(pods), 0o600))
	}
	if err := errors.Join(errs...); err != nil {
		s.say("   some evidence is lost: %v", err)
	}
}

// keep writes what a URL answers into a file.
func keep(ctx context.Context, url, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", url, err)
	}
	text, err := io.ReadAll(response.Body)
	return errors.Join(err, response.Body.Close(), os.WriteFile(path, text, 0o600))
}
