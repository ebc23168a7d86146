package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/e2e/binaries"
)

const (
	startTimeout = 2 * time.Minute
	pageTimeout  = 3 * time.Minute
)

// runner runs pages.
type runner struct {
	root     string
	programs programs
	// shared starts the clusters that pages share, once, when the first page needs them.
	shared func() (*stage, error)
}

// TestDocs: what the documentation says can be typed and copied.
func TestDocs(t *testing.T) {
	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{root: root, programs: build(t)}
	r.shared = sync.OnceValues(func() (*stage, error) {
		ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
		defer cancel()
		s, err := startStage(ctx, r.programs, t.TempDir(), Shared)
		if err == nil {
			t.Cleanup(func() {
				if err := s.stop(); err != nil {
					t.Error(err)
				}
			})
		}
		return s, err
	})
	texts := pages(t, root)
	for path, text := range texts {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			page, err := ReadPage(path, text)
			if err != nil {
				t.Fatal(err)
			}
			if page.Original() == "" {
				r.try(t, page)
				return
			}
			original, err := ReadPage(page.Original(), texts[page.Original()])
			if err := errors.Join(err, page.Differs(original)); err != nil {
				t.Error(err)
			}
		})
	}
}

// pages are the texts of all pages, by their paths.
func pages(t *testing.T, root string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "README*.md"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimPrefix(path, root+string(filepath.Separator))] = string(content)
	}
	return texts
}

// build builds everything that pages call, before any clock runs.
func build(t *testing.T) programs {
	t.Helper()
	paths, err := binaries.Components(t.Context(), binaries.Options{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	spillway, err := binaries.Spillway(t.Context(), binaries.Options{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	helm, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "helm").Output()
	if err != nil {
		t.Fatalf("cannot build helm: %v", err)
	}
	p := programs{clusters: paths, spillway: spillway, path: t.TempDir()}
	for name, target := range map[string]string{
		"spillway": spillway, "kubectl-spillway": spillway, "kubectl": paths.Kubectl, "helm": strings.TrimSpace(string(helm)),
	} {
		if err := os.Symlink(target, filepath.Join(p.path, name)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// try checks what a page shows, and runs what it tells to run.
func (r *runner) try(t *testing.T, page Page) {
	t.Helper()
	whole := map[int][]*unstructured.Unstructured{}
	runs := false
	for _, f := range page.Fences {
		if err := f.Parse(); err != nil {
			t.Errorf("%s:%d: %v", page.Path, f.Line, err)
			continue
		}
		objects, err := f.Objects()
		if err != nil {
			t.Errorf("%s:%d: %v", page.Path, f.Line, err)
		}
		if len(objects) > 0 && f.File == "" {
			whole[f.Line] = objects
		}
		runs = runs || f.Runs()
	}
	if t.Failed() || !runs && len(whole) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), pageTimeout)
	defer cancel()
	s, err := r.stage(ctx, t, page)
	if err != nil {
		t.Fatalf("cannot set the stage: %v", err)
	}
	if page.Stage == Shared {
		if err := s.upstream.CreateNamespace(ctx, namespaceOf(page), nil); err != nil {
			t.Fatal(err)
		}
	}
	if runs {
		dir := t.TempDir()
		if err := s.furnish(dir, r.root, r.programs, namespaceOf(page)); err != nil {
			t.Fatal(err)
		}
		if err := run(ctx, page, dir, t.TempDir(), r.programs, s.servers()...); err != nil {
			t.Error(err)
		}
	}
	for line, objects := range whole {
		if err := s.accepts(ctx, objects, namespaceOf(page)); err != nil {
			t.Errorf("%s:%d: %v", page.Path, line, err)
		}
	}
}

// stage is what a page runs against.
func (r *runner) stage(ctx context.Context, t *testing.T, page Page) (*stage, error) {
	t.Helper()
	if page.Stage == Shared {
		return r.shared()
	}
	s, err := startStage(ctx, r.programs, t.TempDir(), page.Stage)
	if err == nil {
		t.Cleanup(func() {
			if err := s.stop(); err != nil {
				t.Error(err)
			}
		})
	}
	return s, err
}

// accepts has the API server judge objects, and make none of them. All are taken for
// objects of one namespace, since theirs may not be there.
func (s *stage) accepts(ctx context.Context, objects []*unstructured.Unstructured, namespace string) error {
	for _, object := range objects {
		object.SetNamespace("")
		text, err := json.Marshal(object)
		if err != nil {
			return fmt.Errorf("cannot write %s again: %w", object.GetKind(), err)
		}
		if _, _, err := s.upstream.Kubectl(ctx, string(text), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict",
			"--namespace="+namespace, "--filename=-"); err != nil {
			return err
		}
	}
	return nil
}
