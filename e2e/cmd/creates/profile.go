package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"

	"golang.org/x/sync/errgroup"
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
			text, err := s.ownProfile(during, seconds)
			if err != nil {
				return err
			}
			return os.WriteFile(file+"-webhook.pprof", text, 0o600)
		})
	}
	_, err := s.turn(during, c, 2*o.pods, creators)
	return errors.Join(err, group.Wait(), s.clear(ctx, c))
}

func (s *stage) ownProfile(ctx context.Context, seconds int) (text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.profiles+"/debug/pprof/profile?seconds="+strconv.Itoa(seconds), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot take a profile: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	return io.ReadAll(response.Body)
}
