package binaries

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Paths says where the built programs are.
type Paths struct {
	// Etcd is the etcd server.
	Etcd string
	// APIServer is kube-apiserver.
	APIServer string
	// ControllerManager is kube-controller-manager.
	ControllerManager string
	// Scheduler is kube-scheduler.
	Scheduler string
	// Kubelet is the kubelet.
	Kubelet string
	// Kubectl is kubectl, of the same version as the API server.
	Kubectl string
	// Kwok plays the kubelet of nodes that have no machine behind them.
	Kwok string
	// MetricsServer is metrics-server, which kubectl top and autoscalers ask.
	MetricsServer string
	// Version is that of Kubernetes: what the API server says of itself.
	Version string
}

// Options say where to build and whom to tell.
type Options struct {
	// Root is the checkout's top folder. By default it is looked for upwards
	// from the working directory.
	Root string
	// Dir receives the programs. The default is .cache/bin below Root.
	Dir string
	// Kubernetes is the version of its components, Newest or Older; the default is
	// Newest.
	Kubernetes string
	// Out is told what is being built and how long it takes. The default is
	// to tell nobody.
	Out io.Writer
}

func (o Options) withDefaults() (Options, error) {
	if o.Root == "" {
		root, err := Root()
		if err != nil {
			return o, err
		}
		o.Root = root
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(o.Root, ".cache", "bin")
	}
	if o.Kubernetes == "" {
		o.Kubernetes = Newest
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	return o, nil
}

// Components builds every component that is missing or out of date and returns
// where they are. The first build of all of them takes minutes.
func Components(ctx context.Context, options Options) (Paths, error) {
	o, err := options.withDefaults()
	if err != nil {
		return Paths{}, err
	}
	kubernetes, err := kubernetesOf(o.Kubernetes)
	if err != nil {
		return Paths{}, err
	}
	release, err := lock(ctx, o.Dir, o.Out)
	if err != nil {
		return Paths{}, err
	}
	defer release()

	toolchain, err := toolchain(ctx)
	if err != nil {
		return Paths{}, err
	}
	for _, c := range components(kubernetes) {
		if err := c.ensure(ctx, o, toolchain); err != nil {
			return Paths{}, err
		}
	}
	in := func(name string) string { return filepath.Join(o.Dir, name) }
	of := func(name string) string { return filepath.Join(o.Dir, kubernetes.apart, name) }
	return Paths{
		Etcd:              in("etcd"),
		APIServer:         of("kube-apiserver"),
		ControllerManager: of("kube-controller-manager"),
		Scheduler:         of("kube-scheduler"),
		Kubelet:           of("kubelet"),
		Kubectl:           of("kubectl"),
		Kwok:              in("kwok"),
		MetricsServer:     in("metrics-server"),
		Version:           o.Kubernetes,
	}, nil
}

// Root returns the checkout's top folder: the nearest one above the working
// directory that holds the product's go.mod.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot tell the working directory: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if declaresProduct(filepath.Join(dir, "go.mod")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod of %s in %s or above it", productModule, start)
		}
	}
}
