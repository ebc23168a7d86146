package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// stamp identifies everything that decides what a build of c gives: the pinned
// modules, our main if there is one, the toolchain and the flags.
func (c component) stamp(toolchain string) (string, error) {
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		content, err := os.ReadFile(filepath.Join(c.folder, name))
		if errors.Is(err, fs.ErrNotExist) && name == "main.go" {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("cannot tell what %s is built from: %w", c.name, err)
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n%s\n", name, len(content), content)
	}
	_, _ = fmt.Fprintf(sum, "%s\n%s\n%s\n%q\n", toolchain, c.pkg, c.ldflags, c.links)
	if c.test || c.static {
		_, _ = fmt.Fprintf(sum, "test %t, static %t\n", c.test, c.static)
	}
	if c.tags != "" {
		_, _ = fmt.Fprintf(sum, "tags %s\n", c.tags)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// toolchain describes the Go installation as far as it decides what comes out.
func toolchain(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED", "GOEXPERIMENT").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask Go for its version (is it installed?): %w", err)
	}
	return string(out), nil
}
