package install

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/leftout"
	"github.com/spillway-io/spillway/e2e/machine"
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if leftout.Listing() {
		return m.Run()
	}
	if machine.Outside() {
		// Inside there is no network: what may have to be fetched is fetched here.
		if _, err := binaries.Components(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
			return leftout.Fail("build the playground", err)
		}
		if os.Geteuid() == 0 {
			if _, err := binaries.Containers(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
				return leftout.Tell("e2e/install", "", err)
			}
			if err := build(context.Background()); err != nil {
				return leftout.Fail("build what is installed", err)
			}
		}
	}
	code, err := machine.Run(m.Run)
	switch {
	case errors.Is(err, machine.ErrUnavailable):
		return leftout.Tell("e2e/install", "", err)
	case err != nil:
		return leftout.Fail("install on a machine of its own", err)
	default:
		return code
	}
}
