package binaries

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const productModule = "github.com/spillway-io/spillway"

// The versions of Kubernetes that can be built, which is what the components say
// they are: a build without a version claims to be v0.0.0, and clients that compare
// versions refuse to talk to it.
const (
	// Newest is the one that is built unless another is asked for. It belongs to the
	// version pinned in components/kubernetes/go.mod.
	Newest = "v1.37.0"
	// Older is there for clusters that differ. It belongs to the version pinned in
	// components/kubernetes-1.35/go.mod.
	Older = "v1.35.4"
)

// component is a program of somebody else, built from a module of ours that
// does nothing but pin it.
type component struct {
	program

	// links are other names of the program; it behaves as the one it is
	// called by.
	links []string
	// patience says why a first build takes as long as it does.
	patience string
	// apart is the folder below Options.Dir that receives the program and its links.
	// The default is Options.Dir itself.
	apart string
}

// components are what a cluster runs, beside Kubernetes of any version.
func components(kubernetes component) []component {
	return []component{
		{
			program:  program{name: "etcd", folder: "e2e/components/etcd", pkg: "go.etcd.io/etcd/server/v3", ldflags: "-s -w"},
			patience: "a first build compiles the etcd server, about half a minute",
		},
		{
			program:  program{name: "kwok", folder: "e2e/components/kwok", pkg: "sigs.k8s.io/kwok/cmd/kwok", ldflags: "-s -w"},
			patience: "a first build compiles the Kubernetes clients, about a minute",
		},
		kubernetes,
		{
			// After kubernetes, whose packages it shares.
			program:  program{name: "metrics-server", folder: "e2e/components/metrics-server", pkg: "sigs.k8s.io/metrics-server/cmd/metrics-server", ldflags: "-s -w " + versionFlags(Newest)},
			patience: "a first build takes about a quarter of a minute",
		},
	}
}

// kubernetesOf is the program that all of Kubernetes' components of a version share.
func kubernetesOf(version string) (component, error) {
	c := component{
		program:  program{name: "kubernetes", folder: "e2e/components/kubernetes", pkg: ".", ldflags: "-s -w " + versionFlags(version)},
		links:    []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"},
		patience: "a first build compiles about 2,400 packages of Kubernetes, five to ten minutes on two cores",
	}
	switch version {
	case Newest:
	case Older:
		c.folder, c.apart = "e2e/components/kubernetes-1.35", version
	default:
		return component{}, fmt.Errorf("no module pins Kubernetes %q; there are %s and %s", version, Newest, Older)
	}
	return c, nil
}

// versionFlags tells both packages that report a version, the servers' and the
// clients', which one they are.
func versionFlags(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+version,
			"-X "+pkg+".gitMajor="+parts[0],
			"-X "+pkg+".gitMinor="+parts[1])
	}
	return strings.Join(flags, " ")
}

// ensure builds the component unless its stamp says that the program in o.Dir
// is the one the checkout asks for.
func (c component) ensure(ctx context.Context, o Options, toolchain string) error {
	c.folder = filepath.Join(o.Root, c.folder)
	o.Dir = filepath.Join(o.Dir, c.apart)
	want, err := c.stamp(toolchain)
	if err != nil {
		return err
	}
	if c.isCurrent(o.Dir, want) {
		return nil
	}
	_, _ = fmt.Fprintf(o.Out, "%s is not built yet, or from something else (%s)\n", c.name, c.patience)
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder for %s: %w", c.name, err)
	}
	if err := c.build(ctx, o); err != nil {
		return err
	}
	for _, link := range c.links {
		if err := relink(c.name, filepath.Join(o.Dir, link)); err != nil {
			return err
		}
	}
	// The stamp comes last: whatever was interrupted before it is done again.
	if err := os.WriteFile(c.stampFile(o.Dir), []byte(want), 0o600); err != nil {
		return fmt.Errorf("cannot note what %s was built from: %w", c.name, err)
	}
	return nil
}

func (c component) isCurrent(dir, stamp string) bool {
	for _, name := range append([]string{c.name}, c.links...) {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	found, err := os.ReadFile(c.stampFile(dir))
	return err == nil && string(found) == stamp
}

func (c component) stampFile(dir string) string {
	return filepath.Join(dir, c.name+".stamp")
}

func relink(target, link string) error {
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot replace the link %s: %w", link, err)
	}
	if err := os.Symlink(target, link); err != nil {
		return fmt.Errorf("cannot link %s to %s: %w", link, target, err)
	}
	return nil
}

func declaresProduct(gomod string) bool {
	content, err := os.ReadFile(gomod)
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(first) == "module "+productModule
}
