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
	"slices"
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

// debian are packages of the distribution that are unpacked in a folder.
type debian struct {
	// folder is below .cache.
	folder   string
	packages []string
	// closure says that what they depend on is wanted too.
	closure bool
	// purpose and size are said when they are fetched.
	purpose, size string
}

// containerPackages hold the programs. What else they depend on, libc6 and
// libseccomp2, apt itself depends on too.
func containerPackages() debian {
	return debian{
		folder:   "containers",
		packages: []string{"containerd", "runc", "containernetworking-plugins", "busybox-static"},
		purpose:  "the programs that run containers", size: "36 MB",
	}
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

	dir, err := containerPackages().unpacked(ctx, o)
	if err != nil {
		return ContainerPaths{}, err
	}
	return ContainerPaths{
		Containerd: filepath.Join(dir, "usr", "bin", "containerd"),
		Ctr:        filepath.Join(dir, "usr", "bin", "ctr"),
		Runc:       filepath.Join(dir, "usr", "sbin", "runc"),
		CNI:        filepath.Join(dir, "usr", "lib", "cni"),
		Busybox:    filepath.Join(dir, "bin", "busybox"),
	}, nil
}

// unpacked makes a folder hold the content of the packages, and returns it. It is
// done in a folder beside it, which takes its place at the end: one with the
// right stamp is whole.
func (d debian) unpacked(ctx context.Context, o Options) (dir string, err error) {
	dir = filepath.Join(o.Root, ".cache", d.folder)
	want := strings.Join(d.packages, "\n")
	stamp := func(dir string) string { return filepath.Join(dir, "packages.stamp") }
	if found, err := os.ReadFile(stamp(dir)); err == nil && string(found) == want {
		return dir, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	partial := dir + ".partial"
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(partial)); err != nil {
		return "", err
	}
	if err := d.fetch(ctx, partial, o); err != nil {
		return "", errors.Join(fmt.Errorf("cannot fetch %s: %w", d.purpose, err), os.RemoveAll(partial))
	}
	if err := os.WriteFile(stamp(partial), []byte(want), 0o600); err != nil {
		return "", err
	}
	return dir, os.Rename(partial, dir)
}

// fetch downloads the packages and unpacks them into dir. apt gets lists of its
// own, below dir: the machine's may be missing, as in many images, and are not
// ours to renew.
func (d debian) fetch(ctx context.Context, dir string, o Options) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(o.Out, "fetching %s with apt, to unpack them in %s (%s; nothing is installed)\n",
		strings.Join(d.packages, ", "), strings.TrimSuffix(dir, ".partial"), d.size)
	apt := filepath.Join(dir, "apt")
	if err := os.MkdirAll(filepath.Join(apt, "lists"), 0o755); err != nil {
		return err
	}
	if err := d.download(ctx, apt); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(apt, "*.deb"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if err := runIn(ctx, apt, []string{"dpkg-deb", "-x", archive, dir}); err != nil {
			return err
		}
	}
	return os.RemoveAll(apt)
}

// download puts the packages into a folder. Where they are wanted with what they
// depend on, apt is told that nothing is installed yet.
func (d debian) download(ctx context.Context, apt string) error {
	aptGet := []string{
		"apt-get", "-q", "-o", "Dir::State::Lists=" + filepath.Join(apt, "lists"),
		"-o", "Dir::Cache=" + apt, "-o", "APT::Sandbox::User=root", "-o", "APT::Get::List-Cleanup=false",
	}
	if err := runIn(ctx, apt, append(aptGet, "update")); err != nil {
		return err
	}
	get := []string{"download"}
	if d.closure {
		status := filepath.Join(apt, "status")
		if err := errors.Join(os.WriteFile(status, nil, 0o600), os.MkdirAll(filepath.Join(apt, "partial"), 0o755)); err != nil {
			return err
		}
		get = []string{
			"-o", "Dir::State::Status=" + status, "-o", "Dir::Cache::Archives=" + apt, "-o", "Debug::NoLocking=1",
			"--no-install-recommends", "--yes", "--download-only", "install",
		}
	}
	return runIn(ctx, apt, slices.Concat(aptGet, get, d.packages))
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
