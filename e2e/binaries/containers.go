package binaries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ContainerPaths says where the programs are that run containers below a kubelet.
type ContainerPaths struct {
	// Containerd is containerd; its shim lies beside it.
	Containerd string
	// Ctr is containerd's own client.
	Ctr string
	// Runc is runc.
	Runc string
	// CNI is the folder of the network plugins.
	CNI string
	// Busybox is a shell and the usual tools in one static program, for images.
	Busybox string
}

// debianPackages hold them. What else they depend on, libc6 and libseccomp2, apt
// itself depends on too.
func debianPackages() []string {
	return []string{"containerd", "runc", "containernetworking-plugins", "busybox-static"}
}

// Containers fetches the programs that run containers, unless it has done so
// before, and returns where they are. They are the distribution's own packages,
// which apt downloads and checks, but unpacked in .cache/containers instead of
// installed: no daemon is started, nothing else on the machine changes, and no
// root is needed. Without apt-get it fails.
func Containers(ctx context.Context, options Options) (ContainerPaths, error) {
	o, err := options.withDefaults()
	if err != nil {
		return ContainerPaths{}, err
	}
	release, err := lock(ctx, o.Dir, o.Out)
	if err != nil {
		return ContainerPaths{}, err
	}
	defer release()

	dir := filepath.Join(o.Root, ".cache", "containers")
	if err := unpacked(ctx, dir, o); err != nil {
		return ContainerPaths{}, fmt.Errorf("cannot fetch the programs that run containers: %w", err)
	}
	return ContainerPaths{
		Containerd: filepath.Join(dir, "usr", "bin", "containerd"),
		Ctr:        filepath.Join(dir, "usr", "bin", "ctr"),
		Runc:       filepath.Join(dir, "usr", "sbin", "runc"),
		CNI:        filepath.Join(dir, "usr", "lib", "cni"),
		Busybox:    filepath.Join(dir, "bin", "busybox"),
	}, nil
}

// unpacked makes dir hold the content of the packages. It is done in a folder
// beside it, which takes its place at the end: a dir with the right stamp is
// whole.
func unpacked(ctx context.Context, dir string, o Options) error {
	want := strings.Join(debianPackages(), "\n")
	stamp := func(dir string) string { return filepath.Join(dir, "packages.stamp") }
	if found, err := os.ReadFile(stamp(dir)); err == nil && string(found) == want {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	partial := dir + ".partial"
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(partial)); err != nil {
		return err
	}
	if err := fetch(ctx, partial, o); err != nil {
		return errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.WriteFile(stamp(partial), []byte(want), 0o600); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

// fetch downloads the packages and unpacks them into dir. apt gets lists of its
// own, below dir: the machine's may be missing, as in many images, and are not
// ours to renew.
func fetch(ctx context.Context, dir string, o Options) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(o.Out, "fetching %s with apt, to unpack them in %s (36 MB; nothing is installed)\n",
		strings.Join(debianPackages(), ", "), strings.TrimSuffix(dir, ".partial"))
	apt := filepath.Join(dir, "apt")
	if err := os.MkdirAll(filepath.Join(apt, "lists"), 0o755); err != nil {
		return err
	}
	aptGet := []string{
		"apt-get", "-q", "-o", "Dir::State::Lists=" + filepath.Join(apt, "lists"),
		"-o", "Dir::Cache=" + apt, "-o", "APT::Sandbox::User=root", "-o", "APT::Get::List-Cleanup=false",
	}
	if err := runIn(ctx, apt, append(aptGet, "update")); err != nil {
		return err
	}
	if err := runIn(ctx, apt, append(append(aptGet, "download"), debianPackages()...)); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(apt, "*.deb"))
	if err != nil {
		return err
	}
	for _, pkg := range packages {
		if err := runIn(ctx, apt, []string{"dpkg-deb", "-x", pkg, dir}); err != nil {
			return err
		}
	}
	return os.RemoveAll(apt)
}

// runIn runs a command in a folder; its error carries what it printed.
func runIn(ctx context.Context, dir string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, output.Bytes())
	}
	return nil
}
