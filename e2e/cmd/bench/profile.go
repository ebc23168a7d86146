package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
)

// profiler takes profiles of the virtual node's process while it is loaded.
type profiler struct {
	dir, address string
	// cpu tells how the CPU profile that is under way ended.
	cpu chan error
}

// newProfiler writes to dir; an empty one is nobody who wants any.
func newProfiler(ctx context.Context, dir string) (*profiler, error) {
	if dir == "" {
		return nil, nil //nolint:nilnil // A nil profiler is one that does nothing.
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot find a port for profiles: %w", err)
	}
	address := listener.Addr().String()
	return &profiler{dir: dir, address: address, cpu: make(chan error, 1)}, errors.Join(os.MkdirAll(dir, 0o755), listener.Close())
}

// arguments have the virtual node serve its profiles.
func (p *profiler) arguments() []string {
	if p == nil {
		return nil
	}
	return []string{"--profile-address=" + p.address}
}

// begin takes a profile of so many seconds of the CPU, while pods are created; it does
// not wait for that.
func (p *profiler) begin(ctx context.Context) {
	if p != nil {
		p.start(ctx, "cpu")
	}
}

// loaded takes profiles of what was allocated and is kept, waits for that of the CPU,
// and begins another of that, while pods are deleted.
func (p *profiler) loaded(ctx context.Context) error {
	if p == nil {
		return nil
	}
	err := errors.Join(p.take(ctx, "heap", "heap?gc=1"), p.take(ctx, "goroutines", "goroutine"), <-p.cpu)
	p.start(ctx, "cpu-deletion")
	return err
}

// gone waits for the profile of the CPU.
func (p *profiler) gone() error {
	if p == nil {
		return nil
	}
	return <-p.cpu
}

func (p *profiler) start(ctx context.Context, name string) {
	go func() { p.cpu <- p.take(ctx, name, "profile?seconds="+strconv.Itoa(int(profiled.Seconds()))) }()
}

func (p *profiler) take(ctx context.Context, name, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*profiled+10*time.Second)
	defer cancel()
	return playground.KeepProfile(ctx, "http://"+p.address, path, filepath.Join(p.dir, name+".pprof"))
}
