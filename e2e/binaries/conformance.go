package binaries

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// conformanceFolder is the module that pins what follows.
const conformanceFolder = "e2e/components/conformance"

// ConformancePaths says where the programs are that test a node.
type ConformancePaths struct {
	// Suite is Kubernetes' own end-to-end suite.
	Suite string
	// Ginkgo runs it in several processes.
	Ginkgo string
	// Agnhost is what the suite runs in most of its pods; it is static.
	Agnhost string
	// NoNewPrivs says which user it runs as; it is static.
	NoNewPrivs string
	// Tools is a folder to be laid over busybox in images, with bash, curl, nc and
	// the libraries that they need.
	Tools string
	// Source is the folder of Kubernetes' source.
	Source string
	// Version is that of Kubernetes.
	Version string
}

// conformanceComponents are of the version of the components under test.
func conformanceComponents() []component {
	return []component{
		{
			program: program{
				name: "e2e.test", folder: conformanceFolder, pkg: "k8s.io/kubernetes/test/e2e", test: true,
				ldflags: "-s -w " + versionFlags(Newest),
			},
			patience: "a first build compiles Kubernetes and its end-to-end tests, about six minutes on two cores",
		},
		{
			program: program{
				name: "agnhost", folder: conformanceFolder, pkg: "k8s.io/kubernetes/test/images/agnhost", static: true,
				ldflags: "-s -w",
			},
			patience: "a first build compiles the Kubernetes clients without C, about two minutes on two cores",
		},
		{
			program:  program{name: "nonewprivs", folder: conformanceFolder, pkg: "k8s.io/kubernetes/test/images/nonewprivs", static: true},
			patience: "a few seconds",
		},
		{
			program:  program{name: "ginkgo", folder: conformanceFolder, pkg: "github.com/onsi/ginkgo/v2/ginkgo", ldflags: "-s -w"},
			patience: "a few seconds",
		},
	}
}

// conformancePackages hold the tools that are not in busybox, with everything
// they depend on: they run in images, where nothing is but what we put there.
func conformancePackages() debian {
	return debian{
		folder:   "conformance-tools",
		packages: []string{"bash-static", "curl", "netcat-openbsd"},
		closure:  true,
		purpose:  "the tools of the images that the suite runs", size: "17 MB",
	}
}

// Conformance builds the end-to-end suite and what its pods run, and fetches what
// Debian has of it, unless that is done, and returns where all of it is. The
// first time takes minutes.
func Conformance(ctx context.Context, options Options) (ConformancePaths, error) {
	o, err := options.withDefaults()
	if err != nil {
		return ConformancePaths{}, err
	}
	release, err := lock(ctx, o.Dir, o.Out)
	if err != nil {
		return ConformancePaths{}, err
	}
	defer release()

	toolchain, err := toolchain(ctx)
	if err != nil {
		return ConformancePaths{}, err
	}
	for _, c := range conformanceComponents() {
		if err := c.ensure(ctx, o, toolchain); err != nil {
			return ConformancePaths{}, fmt.Errorf("cannot make the end-to-end suite: %w", err)
		}
	}
	tools, err := conformancePackages().unpacked(ctx, o)
	if err != nil {
		return ConformancePaths{}, err
	}
	source, err := moduleFolder(ctx, filepath.Join(o.Root, conformanceFolder), "k8s.io/kubernetes")
	if err != nil {
		return ConformancePaths{}, err
	}
	in := func(name string) string { return filepath.Join(o.Dir, name) }
	return ConformancePaths{
		Suite:      in("e2e.test"),
		Ginkgo:     in("ginkgo"),
		Agnhost:    in("agnhost"),
		NoNewPrivs: in("nonewprivs"),
		Tools:      tools,
		Source:     source,
		Version:    Newest,
	}, nil
}

// moduleFolder returns where Go keeps the source of a module that another one, in
// a folder, requires.
func moduleFolder(ctx context.Context, folder, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOWORK=off")
	dir, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the source of %s: %w", module, err)
	}
	return strings.TrimSpace(string(dir)), nil
}
