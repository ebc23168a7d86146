// Package images makes container images from a program on this machine, without
// an engine and without a registry: archives that containerd imports. They hold
// busybox, that is a shell and the usual tools, and what a Layer adds. (Debian's
// static one has a fault: wget ends with SIGSEGV when it is given a timeout, -T.)
//
// It knows at most two layers, and of what images can say only what is asked for
// here. It does not read images and does not talk to containerd.
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
	// Entrypoint comes before the command.
	Entrypoint []string
	// Command is what runs unless a pod says otherwise. Without an entrypoint
	// either, the default says in the container's log which image runs, and ends
	// when asked to, with 0.
	Command []string
	// User is who runs it unless a pod says otherwise; root by default.
	User string
	// Over lies over busybox, if set. Images may share one.
	Over *Layer
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
		"sh", "ash", "awk", "base64", "basename", "cat", "chgrp", "chmod", "chown", "chroot", "cmp", "cp", "cut", "date", "dd", "df",
		"diff", "dirname", "du", "echo", "env", "expr", "false", "find", "free", "grep", "gunzip", "gzip", "head", "hexdump",
		"hostname", "httpd", "id", "ifconfig", "ip", "kill", "killall", "ln", "ls", "md5sum", "mkdir", "mkfifo", "mknod",
		"mktemp", "mount", "mv", "nc", "netstat", "nslookup", "od", "pidof", "ping", "printf", "ps", "pwd", "readlink",
		"realpath", "rm", "rmdir", "route", "sed", "seq", "sha256sum", "sleep", "sort", "stat", "stty", "sync", "sysctl",
		"tac", "tail", "tar", "tee", "test", "timeout", "top", "touch", "tr", "true", "truncate", "tty", "umount", "uname",
		"uniq", "unlink", "usleep", "vi", "wc", "wget", "which", "whoami", "xargs", "yes", "zcat",
	}
}

// Write writes an archive of images, in the format of `docker save`, to w.
// Busybox is the path of a static busybox; its layer is in the archive once.
func Write(w io.Writer, busybox string, images ...Image) error {
	archive := tar.NewWriter(w)
	layers, err := writeLayers(archive, busybox, images)
	if err != nil {
		return err
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var manifest []entry
	for _, image := range images {
		names, diffs := []string{layers[nil].name}, []string{layers[nil].diffID}
		if image.Over != nil {
			names, diffs = append(names, layers[image.Over].name), append(diffs, layers[image.Over].diffID)
		}
		config, err := image.config(diffs)
		if err != nil {
			return err
		}
		name := digest(config) + ".json"
		if err := writeFile(archive, name, 0o644, config); err != nil {
			return err
		}
		manifest = append(manifest, entry{Config: name, RepoTags: image.Tags, Layers: names})
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

// written is a layer in the archive.
type written struct{ name, diffID string }

// writeLayers writes every layer once, busybox's as that of nil.
func writeLayers(archive *tar.Writer, busybox string, images []Image) (map[*Layer]written, error) {
	layers := map[*Layer]written{}
	write := func(key *Layer, name string, content []byte, err error) error {
		if err != nil {
			return fmt.Errorf("cannot make an image's layer: %w", err)
		}
		layers[key] = written{name: name, diffID: "sha256:" + digest(content)}
		return writeFile(archive, name, 0o644, content)
	}
	base, err := layerOf(busybox)
	if err := write(nil, "layer.tar", base, err); err != nil {
		return nil, err
	}
	for _, image := range images {
		if _, ok := layers[image.Over]; ok {
			continue
		}
		over, err := image.Over.archive()
		if err := write(image.Over, fmt.Sprintf("layer-%d.tar", len(layers)), over, err); err != nil {
			return nil, err
		}
	}
	return layers, nil
}

// config is the image's configuration, whose digest is the image id.
func (i Image) config(diffIDs []string) ([]byte, error) {
	if len(i.Tags) == 0 {
		return nil, fmt.Errorf("an image without a tag cannot be found")
	}
	command := i.Command
	if len(command)+len(i.Entrypoint) == 0 {
		command = []string{"/bin/sh", "-c", forever}
	}
	config := map[string]any{
		"Cmd": command,
		"Env": []string{"PATH=/bin", TagVariable + "=" + i.Tags[0]},
	}
	if len(i.Entrypoint) > 0 {
		config["Entrypoint"] = i.Entrypoint
	}
	if i.User != "" {
		config["User"] = i.User
	}
	if i.Over != nil {
		config["Env"] = []string{"PATH=/usr/local/bin:/usr/bin:/bin", TagVariable + "=" + i.Tags[0]}
	}
	return json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       config,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": diffIDs},
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
		if err := writeFolder(archive, dir, 0o755); err != nil {
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
		if err := writeLink(archive, filepath.Join("bin", tool), "busybox"); err != nil {
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

func writeFolder(archive *tar.Writer, name string, mode int64) error {
	return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}

func writeLink(archive *tar.Writer, name, target string) error {
	return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
