// Package images makes container images from a program on this machine, without
// an engine and without a registry: archives that containerd imports. They hold
// busybox, that is a shell and the usual tools, and nothing else. (Debian's static
// one has a fault: wget ends with SIGSEGV when it is given a timeout, -T.)
//
// It knows one layer and one kind of image. It does not read images and does
// not talk to containerd.
package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// TagVariable is the environment variable by which a container knows the first
// tag of its image.
const TagVariable = "IMAGE"

// Image describes an image. Two that differ have different image ids, also if
// they differ in nothing but their first tag.
type Image struct {
	// Tags are its names, such as "app:1"; there must be one.
	Tags []string
	// Command is what runs unless a pod says otherwise. The default says in the
	// container's log which image runs, and ends when asked to, with 0.
	Command []string
}

// App is an image with the default command.
func App(tag string) Image { return Image{Tags: []string{tag}} }

// Pause is an image for the process that holds a pod's namespaces. It is killed
// and not asked.
func Pause(tag string) Image {
	return Image{Tags: []string{tag}, Command: []string{"/bin/sleep", "2147483647"}}
}

// forever is a shell script and not just sleep, because a container's first
// process gets no SIGTERM unless it asks for it, and because sleep cannot be
// asked while the shell waits for it in the foreground.
const forever = `trap 'exit 0' TERM INT; echo "$` + TagVariable + ` runs"; sleep 2147483647 & wait`

// tools are what busybox can be called as in the images.
func tools() []string {
	return []string{
		"sh", "ash", "cat", "cp", "date", "dd", "df", "echo", "env", "expr", "false", "grep", "head", "hostname", "httpd", "id",
		"ip", "kill", "ln", "ls", "mkdir", "mount", "mv", "nc", "nslookup", "ping", "printf", "ps", "pwd", "readlink", "rm", "sed",
		"seq", "sleep", "sort", "stat", "stty", "sync", "tail", "tar", "tee", "test", "timeout", "touch", "tr", "true", "uname",
		"vi", "wc", "wget", "which", "yes",
	}
}

// Write writes an archive of images, in the format of `docker save`, to w.
// Busybox is the path of a static busybox; its layer is in the archive once.
func Write(w io.Writer, busybox string, images ...Image) error {
	layer, err := layerOf(busybox)
	if err != nil {
		return fmt.Errorf("cannot make an image's layer: %w", err)
	}
	archive := tar.NewWriter(w)
	if err := writeFile(archive, "layer.tar", 0o644, layer); err != nil {
		return err
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var manifest []entry
	for _, image := range images {
		config, err := image.config(layer)
		if err != nil {
			return err
		}
		name := digest(config) + ".json"
		if err := writeFile(archive, name, 0o644, config); err != nil {
			return err
		}
		manifest = append(manifest, entry{Config: name, RepoTags: image.Tags, Layers: []string{"layer.tar"}})
	}
	content, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	if err := writeFile(archive, "manifest.json", 0o644, content); err != nil {
		return err
	}
	return archive.Close()
}

// config is the image's configuration, whose digest is the image id.
func (i Image) config(layer []byte) ([]byte, error) {
	if len(i.Tags) == 0 {
		return nil, fmt.Errorf("an image without a tag cannot be found")
	}
	command := i.Command
	if len(command) == 0 {
		command = []string{"/bin/sh", "-c", forever}
	}
	return json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Cmd": command,
			"Env": []string{"PATH=/bin", TagVariable + "=" + i.Tags[0]},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
	})
}

// layerOf is a root file system with busybox, as a tar archive.
func layerOf(busybox string) ([]byte, error) {
	program, err := os.ReadFile(busybox)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	for _, dir := range []string{"bin", "dev", "etc", "proc", "root", "sys", "tmp", "var", "var/run"} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}); err != nil {
			return nil, err
		}
	}
	files := map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n"}
	for _, name := range []string{"etc/passwd", "etc/group"} {
		if err := writeFile(archive, name, 0o644, []byte(files[name])); err != nil {
			return nil, err
		}
	}
	if err := writeFile(archive, "bin/busybox", 0o755, program); err != nil {
		return nil, err
	}
	for _, tool := range tools() {
		link := &tar.Header{Typeflag: tar.TypeSymlink, Name: filepath.Join("bin", tool), Linkname: "busybox", Mode: 0o777}
		if err := archive.WriteHeader(link); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return layer.Bytes(), nil
}

func writeFile(archive *tar.Writer, name string, mode int64, content []byte) error {
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
