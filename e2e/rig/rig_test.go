package rig

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClear: what was started last is stopped first, all of it whatever else fails, and
// when whoever measured was interrupted, too.
func TestClear(t *testing.T) {
	r, err := New("rig-test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Ports.Take(); err != nil {
		t.Fatal(err)
	}
	errBoom := errors.New("boom")
	var stopped []string
	ends := func(name string, err error) {
		r.AtEnd(func(ctx context.Context) error {
			stopped = append(stopped, name)
			return errors.Join(err, ctx.Err())
		})
	}
	ends("cluster", nil)
	ends("webhook", errBoom)
	ends("node", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Clear(ctx); !errors.Is(err, errBoom) || errors.Is(err, context.Canceled) {
		t.Errorf("clearing fails with %v, want only %v", err, errBoom)
	}
	if diff := cmp.Diff([]string{"node", "webhook", "cluster"}, stopped); diff != "" {
		t.Errorf("stopped: -want +got:\n%s", diff)
	}
	if _, err := os.Stat(r.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder: %v", err)
	}
}
