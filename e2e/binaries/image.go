package binaries

import (
	"context"

	"github.com/spillway-io/spillway/e2e/release"
)

// SpillwayImage builds the product's own image from the checkout as it is now, as
// `make image` does, and returns where its archive is and what it is called:
// "spillway:<version>". Containers of it say that they are of this version.
func SpillwayImage(ctx context.Context, options Options, version string) (release.Files, error) {
	o, err := options.withDefaults()
	if err != nil {
		return release.Files{}, err
	}
	unlock, err := lock(ctx, o.Dir, o.Out)
	if err != nil {
		return release.Files{}, err
	}
	defer unlock()

	// -w: what only debuggers read is a third of the program.
	p := program{
		name: "spillway-" + version, folder: o.Root, pkg: "./cmd/spillway",
		ldflags: "-w -X main.version=" + version, static: true,
	}
	if err := p.build(ctx, o); err != nil {
		return release.Files{}, err
	}
	return release.WriteFiles(o.Dir, release.Options{Name: "spillway:" + version, Version: version}, p.path(o))
}
