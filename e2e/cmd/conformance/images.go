package main

import (
	"path/filepath"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/images"
)

// suiteImages are the images that the focused specs ask for, under the names in
// k8s.io/kubernetes/test/utils/image, so that nothing has to be pulled. What they
// are made of is in docs/conformance.md.
func suiteImages(programs binaries.ConformancePaths) []images.Image {
	const registry, tests = "registry.k8s.io/", "registry.k8s.io/e2e-test-images/"
	in := func(name string) string {
		return filepath.Join(programs.Source, "test", "images", "agnhost", "porter", name)
	}
	agnhost := &images.Layer{
		Folder:   programs.Tools,
		Without:  []string{"packages.stamp", "etc", "var", "sbin", "usr/sbin", "usr/share"},
		Programs: map[string]string{"agnhost": programs.Agnhost, "localhost.crt": in("localhost.crt"), "localhost.key": in("localhost.key")},
		Folders:  []string{"uploads"},
		Files: map[string]string{
			// The suite's specs of supplementary groups know these.
			"etc/passwd": "root:x:0:0:root:/root:/bin/sh\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n",
			"etc/group":  "root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n",
		},
		// busybox's own shell would prefer its own nc.
		Links: map[string]string{"agnhost-2": "agnhost", "bin/bash": "bash-static", "bin/sh": "bash-static", "bin/nc": "nc.openbsd"},
	}
	// The shell of Debian's busybox keeps variables to itself whose names are none in
	// a shell, such as "data-1"; one spec calls it by name and wants to see them.
	// Another calls it by path and wants to see its very words.
	busybox := &images.Layer{
		Programs: map[string]string{"usr/local/bin/sh": filepath.Join(programs.Tools, "bin", "bash-static")},
	}
	noNewPrivs := &images.Layer{
		Programs: map[string]string{"usr/local/bin/nnp": programs.NoNewPrivs},
		SetUID:   []string{"usr/local/bin/nnp"},
	}
	web := []string{"/bin/httpd", "-f", "-p", "80", "-h", "/tmp"}
	return []images.Image{
		{Tags: []string{tests + "agnhost:2.66.1"}, Entrypoint: []string{"/agnhost"}, Command: []string{"pause"}, Over: agnhost},
		{Tags: []string{tests + "agnhost:2.55"}, Entrypoint: []string{"/agnhost"}, Command: []string{"pause"}, Over: agnhost},
		{Tags: []string{tests + "busybox:1.37.0-2"}, Command: []string{"sh"}, Over: busybox},
		{Tags: []string{tests + "glibc-dns-testing:2.1.1"}, Command: []string{"sh"}},
		{Tags: []string{tests + "ipc-utils:1.4"}, Command: []string{"sh"}},
		{Tags: []string{tests + "kitten:1.8"}, Command: web},
		{Tags: []string{tests + "nautilus:1.8"}, Command: web},
		{Tags: []string{tests + "nginx:1.27.0-2"}, Command: web},
		{Tags: []string{tests + "nginx:1.28.0-2"}, Command: web},
		{Tags: []string{tests + "nonewprivs:1.4"}, Command: []string{"nnp"}, Over: noNewPrivs},
		{Tags: []string{tests + "nonroot:1.5"}, Command: []string{"sh"}, User: "1234"},
		{Tags: []string{registry + "pause:3.10.2"}, Command: []string{"/bin/sh", "-c", pause}},
	}
}

// pause ends at once when it is asked to, as the image of that name does.
const pause = `trap 'exit 0' TERM INT; sleep 2147483647 & wait`
