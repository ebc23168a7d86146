package binaries

import (
	"context"

	"github.com/spillway-io/spillway/e2e/release"
)

// tags are the build tags of the product's own program, those of the Makefile:
// docs/decisions/0042 tells why.
const tags = "grpcnotrace"

// spillway is the product's own program, but for its name, as the Makefile builds it:
// what is measured is what people run.
func spillway(o Options) program {
	return program{folder: o.Root, pkg: "./cmd/spillway", tags: tags, static: true}
}

// Spillway builds the product's own program from the checkout as it is now and
// returns its path.
func Spillway(ctx context.Context, options Options) (string, error) {
	o, err := options.withDefaults()
	if err != nil {
		return "", err
	}
	unlock, err := lock(ctx, o.Dir, o.Out)
	if err != nil {
		return "", err
	}
	defer unlock()

	p := spillway(o)
	p.name = "spillway"
	if err := p.build(ctx, o); err != nil {
		return "", err
	}
	return p.path(o), nil
}

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

	// -w: what only debuggers read is a quarter of the program.
	p := spillway(o)
	p.name, p.ldflags = "spillway-"+version, "-w -X main.version="+version
	if err := p.build(ctx, o); err != nil {
		return release.Files{}, err
	}
	return release.WriteFiles(o.Dir, release.Options{Name: "spillway:" + version, Version: version}, p.path(o))
}
