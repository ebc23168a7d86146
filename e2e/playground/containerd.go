package playground

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/spillway-io/spillway/e2e/images"
)

// pauseImage holds a pod's namespaces. containerd asks for it by this name.
const pauseImage = "localhost/pause:1"

// maxSocketPath is how long the path of a Unix socket may be, by the kernel.
const maxSocketPath = 107

//go:embed containerd.toml
var containerdConfig string

//go:embed bridge.conflist
var bridgeConfig string

// containerd is a running containerd for one kubelet, apart from any other on
// the machine: with folders, a socket and a network of its own.
type containerd struct {
	*Process

	ctr, socket, snapshotter string
}

// containerdFiles are what the two configurations above are filled with.
type containerdFiles struct {
	Dir, Socket, CNI, Runc, PauseImage, Snapshotter string
	// RestrictScores says that scores of containers are not lowered.
	RestrictScores bool
	// PodCIDR is the network of the pods, Bridge the device they hang on.
	PodCIDR, Bridge string
}

// startContainerd starts containerd, waits until it answers and gives it its
// images.
func startContainerd(ctx context.Context, dir string, o KubeletOptions) (*containerd, error) {
	files := containerdFiles{
		Dir: dir, Socket: filepath.Join(dir, "containerd.sock"), CNI: o.Binaries.CNI, Runc: o.Binaries.Runc,
		PauseImage: pauseImage, Snapshotter: cmp.Or(o.Snapshotter, "native"), RestrictScores: !mayLowerScores(),
		PodCIDR: o.PodCIDR, Bridge: "pod-" + o.Name,
	}
	if len(files.Socket) > maxSocketPath-len(".ttrpc") {
		return nil, fmt.Errorf("the path of containerd's socket is too long for the kernel, %d characters: %s", len(files.Socket), files.Socket)
	}
	config := filepath.Join(dir, "containerd.toml")
	if err := errors.Join(
		fill(config, containerdConfig, files),
		fill(filepath.Join(dir, "cni.d", "10-bridge.conflist"), bridgeConfig, files),
	); err != nil {
		return nil, fmt.Errorf("cannot configure containerd: %w", err)
	}
	process, err := StartProcess("containerd", dir, o.Binaries.Containerd, "--config="+config, "--log-level=info")
	if err != nil {
		return nil, err
	}
	c := &containerd{Process: process, ctr: o.Binaries.Ctr, socket: files.Socket, snapshotter: files.Snapshotter}
	if err := c.waitReady(ctx); err != nil {
		return nil, stopUnless(ctx, process, err)
	}
	return c, stopUnless(ctx, process, c.loadAll(ctx, dir, o))
}

// mayLowerScores says whether the kernel lets this process, and so containerd,
// lower the score by which it chooses what to kill when memory runs out. Root may,
// but not root in a container.
func mayLowerScores() bool {
	const own = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(own)
	if err != nil {
		return false
	}
	score, err := strconv.Atoi(strings.TrimSpace(string(before)))
	if err != nil || os.WriteFile(own, []byte(strconv.Itoa(score-1)), 0) != nil {
		return false
	}
	return os.WriteFile(own, before, 0) == nil
}

func (c *containerd) waitReady(ctx context.Context) error {
	return eventuallyAlive(ctx, c.Process, "containerd answers", func(ctx context.Context) error {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "unix", c.socket)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// loadAll imports the images of the options, and the one that every pod needs.
func (c *containerd) loadAll(ctx context.Context, dir string, o KubeletOptions) error {
	made := append([]images.Image{images.Pause(pauseImage)}, o.Images...)
	var archive bytes.Buffer
	if err := images.Write(&archive, o.Binaries.Busybox, made...); err != nil {
		return fmt.Errorf("cannot make images: %w", err)
	}
	path := filepath.Join(dir, "images.tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		return fmt.Errorf("cannot write images: %w", err)
	}
	var tags []string
	for _, image := range made {
		tags = append(tags, image.Tags...)
	}
	if err := c.load(ctx, path, tags...); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(o.Archives)) {
		if err := c.load(ctx, o.Archives[name], name); err != nil {
			return err
		}
	}
	return nil
}

// load imports an archive and waits until the half of containerd that kubelets talk
// to, which is told in the background, knows the images in it by their names: a
// kubelet would try to pull them otherwise.
func (c *containerd) load(ctx context.Context, archive string, names ...string) error {
	if _, err := c.ask(ctx, "images", "import", "--snapshotter="+c.snapshotter, archive); err != nil {
		return err
	}
	return eventuallyAlive(ctx, c.Process, "containerd knows its images", func(ctx context.Context) error {
		listed, err := c.ask(ctx, "images", "ls", "-q", `labels."io.cri-containerd.image"==managed`)
		if err != nil {
			return err
		}
		known := strings.Fields(listed)
		for _, name := range names {
			if !slices.ContainsFunc(known, func(other string) bool { return strings.HasSuffix("/"+other, "/"+name) }) {
				return fmt.Errorf("it does not know %s", name)
			}
		}
		return nil
	})
}

// ask runs containerd's client on what kubelets see.
func (c *containerd) ask(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"--address=" + c.socket, "--namespace=k8s.io"}, args...)
	cmd := exec.CommandContext(ctx, c.ctr, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// fill writes a template, filled with values, to path.
func fill(path, text string, values any) error {
	parsed, err := template.New(filepath.Base(path)).Option("missingkey=error").Parse(text)
	if err != nil {
		return err
	}
	var content bytes.Buffer
	if err := parsed.Execute(&content, values); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content.Bytes(), 0o600)
}
