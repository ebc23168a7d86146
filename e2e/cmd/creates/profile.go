package main

import (
	"context"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/spillway-io/spillway/e2e/playground"
)

// profiled takes profiles of the API server, and of Spillway if it is asked, while
// pods of the case are created. file begins the files' names.
func (s *stage) profiled(ctx context.Context, c *subject, o options, file string) error {
	const seconds = 5
	during, cancel := context.WithCancel(ctx)
	defer cancel()
	group, during := errgroup.WithContext(during)
	group.Go(func() error {
		text, err := s.client.Discovery().RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", strconv.Itoa(seconds)).DoRaw(during)
		if err != nil {
			return err
		}
		return os.WriteFile(file+"-apiserver.pprof", text, 0o600)
	})
	if c.process == s.webhook.Process {
		group.Go(func() error {
			return playground.KeepProfile(during, s.profiles, "profile?seconds="+strconv.Itoa(seconds), file+"-webhook.pprof")
		})
	}
	_, err := s.turn(during, c, 2*o.pods, creators)
	return errors.Join(err, group.Wait(), s.clear(ctx, c))
}
