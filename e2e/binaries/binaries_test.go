package binaries

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEnsure(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/tiny\n\ngo 1.26.0\n")
	write("go.sum", "")
	write("main.go", "package main\n\nfunc main() { println(\"one\") }\n")
	tiny := component{program: program{name: "tiny", folder: ".", pkg: "."}, links: []string{"alias"}, patience: "none"}
	ensure := func() (told string) {
		t.Helper()
		var out bytes.Buffer
		if err := tiny.ensure(t.Context(), Options{Root: root, Dir: dir, Out: &out}, "the same toolchain"); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	says := func(want string) {
		t.Helper()
		got, err := exec.CommandContext(t.Context(), filepath.Join(dir, "alias")).CombinedOutput()
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("it says %q (%v), want %q", got, err, want)
		}
	}

	if told := ensure(); told == "" {
		t.Error("a first build was not announced")
	}
	says("one")
	if told := ensure(); told != "" {
		t.Errorf("what is current was built again: %s", told)
	}
	write("main.go", "package main\n\nfunc main() { println(\"two\") }\n")
	if told := ensure(); told == "" {
		t.Error("a changed source was not built")
	}
	says("two")
	if err := os.Remove(filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	ensure()
	says("two")
}

func TestEnsureApart(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module example.com/tiny\n\ngo 1.26.0\n", "go.sum": "",
		"main.go": "package main\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	older := component{program: program{name: "tiny", folder: ".", pkg: "."}, links: []string{"alias"}, apart: "older"}
	if err := older.ensure(t.Context(), Options{Root: root, Dir: dir, Out: io.Discard}, "any toolchain"); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), filepath.Join(dir, "older", "alias")).Run(); err != nil {
		t.Errorf("it is not in the folder of its own: %v", err)
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) != 1 {
		t.Errorf("what belongs to the other version is not alone any more: %v, %v", found, err)
	}
}

func TestKubernetesOf(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{Newest, Older} {
		c, err := kubernetesOf(version)
		if err != nil {
			t.Fatal(err)
		}
		pinned, err := os.ReadFile(filepath.Join(root, c.folder, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(pinned), "k8s.io/kubernetes "+version+"\n") {
			t.Errorf("%s does not pin %s", c.folder, version)
		}
		if !strings.Contains(c.ldflags, ".gitVersion="+version+" ") {
			t.Errorf("a build of %s does not say so: %s", version, c.ldflags)
		}
	}
	if _, err := Components(t.Context(), Options{Kubernetes: "v1.2.3"}); err == nil || !strings.Contains(err.Error(), Older) {
		t.Errorf("it does not tell which versions there are: %v", err)
	}
}

func TestBuildFailure(t *testing.T) {
	root := t.TempDir() // holds no module
	p := program{name: "nothing", folder: root, pkg: "./nowhere"}
	err := p.build(t.Context(), Options{Root: root, Dir: root, Out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "go.mod file not found") {
		t.Errorf("the error does not carry what go build said: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "nothing.partial")); err == nil {
		t.Error("a failed build left something behind")
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	release, err := lock(t.Context(), dir, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	var told bytes.Buffer
	if _, err := lock(impatient, dir, &told); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second did not wait for the first: %v", err)
	}
	if told.Len() == 0 {
		t.Error("the second did not say that it waits")
	}
	release()
	again, err := lock(t.Context(), dir, io.Discard)
	if err != nil {
		t.Fatalf("the lock was not given back: %v", err)
	}
	again()
}

func TestRoot(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "e2e", "components")); err != nil {
		t.Errorf("%s is not the top of the checkout: %v", root, err)
	}
	t.Chdir(t.TempDir())
	if found, err := Root(); err == nil {
		t.Errorf("outside a checkout it found %s", found)
	}
}
