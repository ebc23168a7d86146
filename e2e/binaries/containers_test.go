package binaries

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestContainers fetches from an apt of the test's own.
func TestContainers(t *testing.T) {
	root, programs := t.TempDir(), t.TempDir()
	script := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\nset -e\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	containers := func() (ContainerPaths, string, error) {
		t.Helper()
		var out bytes.Buffer
		paths, err := Containers(t.Context(), Options{Root: root, Dir: filepath.Join(root, "bin"), Out: &out})
		return paths, out.String(), err
	}

	script("apt-get", "echo no mirror >&2; exit 100")
	if _, _, err := containers(); err == nil || !strings.Contains(err.Error(), "no mirror") {
		t.Errorf("the error does not carry what apt said: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(root, ".cache")); err == nil && len(left) > 0 {
		t.Errorf("a failure left %v behind", left)
	}

	script("apt-get", `case "$*" in *download*runc*) : > runc.deb;; esac`)
	script("dpkg-deb", `mkdir -p "$3/usr/sbin"; echo "$2" > "$3/usr/sbin/runc"`)
	paths, told, err := containers()
	if err != nil || !strings.Contains(told, "runc") {
		t.Fatalf("it told %q: %v", told, err)
	}
	if content, err := os.ReadFile(paths.Runc); err != nil || !strings.Contains(string(content), "runc.deb") {
		t.Errorf("runc is %q: %v", content, err)
	}

	script("apt-get", "exit 100")
	if _, told, err := containers(); err != nil || told != "" {
		t.Errorf("what is there was fetched again: %q, %v", told, err)
	}
}

func TestContainersWithoutApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Containers(t.Context(), Options{Root: t.TempDir(), Dir: t.TempDir()}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("without apt-get: %v", err)
	}
}

// Images have nothing but what is put into them, so there the dependencies count.
func TestClosure(t *testing.T) {
	root, programs := t.TempDir(), t.TempDir()
	apt := `#!/bin/sh
for i in "$@"; do case $i in
Dir::State::Status=*) test ! -s "${i#*=}" && unknown=yes;;
Dir::Cache::Archives=*) archives=${i#*=};;
esac; done
case "$*" in *--download-only*install*curl) test "$unknown" && : > "$archives/libcurl.deb";; esac
`
	unpack := "#!/bin/sh\nmkdir -p \"$3\" && : > \"$3/$(basename \"$2\")\"\n"
	for name, text := range map[string]string{"apt-get": apt, "dpkg-deb": unpack} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	d := debian{folder: "tools", packages: []string{"curl"}, closure: true, purpose: "tools"}
	dir, err := d.unpacked(t.Context(), Options{Root: root, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "libcurl.deb")); err != nil {
		t.Errorf("what it depends on is not there: %v", err)
	}
}
