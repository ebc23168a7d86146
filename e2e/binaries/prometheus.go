package binaries

import (
	"context"
	"path/filepath"
)

// PrometheusPaths says where the programs are that scrape and judge metrics.
type PrometheusPaths struct {
	// Prometheus is the server.
	Prometheus string
	// Promtool reads its files as it does.
	Promtool string
}

// prometheusPackages hold the programs. What else the package depends on is the
// pictures of its web pages.
func prometheusPackages() debian {
	return debian{
		folder:   "prometheus",
		packages: []string{"prometheus"},
		purpose:  "a Prometheus", size: "40 MB",
	}
}

// Prometheus fetches a Prometheus, unless it has done so before, and returns where it
// is. It is the distribution's own package, unpacked as Containers does it: nothing is
// installed, and the service that the package comes with never runs. Without apt-get
// it fails.
func Prometheus(ctx context.Context, options Options) (PrometheusPaths, error) {
	o, err := options.withDefaults()
	if err != nil {
		return PrometheusPaths{}, err
	}
	release, err := lock(ctx, o.Dir, o.Out)
	if err != nil {
		return PrometheusPaths{}, err
	}
	defer release()
	dir, err := prometheusPackages().unpacked(ctx, o)
	if err != nil {
		return PrometheusPaths{}, err
	}
	return PrometheusPaths{
		Prometheus: filepath.Join(dir, "usr", "bin", "prometheus"),
		Promtool:   filepath.Join(dir, "usr", "bin", "promtool"),
	}, nil
}
