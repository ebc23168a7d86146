package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/conformance"
)

// page is what the runs are written to, below the checkout.
const page = "docs/conformance.md"

// conclude prints what the runs found and writes the page. The code is 1 if a spec
// that passes on the kubelet does not on the virtual node and nobody said why.
func conclude(ctx context.Context, root string) (code int, err error) {
	runs, whole := conformance.Runs{}, true
	for subject, results := range map[string]*conformance.Results{kubelet: &runs.Kubelet, virtualNode: &runs.VirtualNode} {
		report, err := reportOf(root, subject)
		if err != nil {
			return 1, err
		}
		*results = report.Results
		whole = whole && slices.Equal(report.Focus, []string{focus("")}) && len(report.Skip) == 0
	}
	if err := tell(os.Stdout, root, runs); err != nil {
		return 1, err
	}
	if !whole {
		_, err := fmt.Fprintf(os.Stdout, "%s is left as it is, since not all specs were run on both nodes\n", page)
		return 0, err
	}
	if runs.About, err = about(ctx, root); err != nil {
		return 1, err
	}
	return write(filepath.Join(root, page), runs)
}

// tell says what the runs found.
func tell(out io.Writer, root string, runs conformance.Runs) error {
	var b strings.Builder
	b.WriteString("\n" + runs.Table())
	for _, name := range runs.Differences() {
		_, _ = fmt.Fprintf(&b, "differs, %s on the kubelet and %s on the virtual node: %s\n",
			orNone(runs.Kubelet[name]), orNone(runs.VirtualNode[name]), name)
	}
	_, _ = fmt.Fprintf(&b, "logs and reports are in %s\n", filepath.Join(root, ".cache", "conformance"))
	_, err := io.WriteString(out, b.String())
	return err
}

// write writes the page anew.
func write(path string, runs conformance.Runs) (int, error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 1, err
	}
	text, noCause, err := conformance.Write(string(old), runs)
	if err != nil {
		return 1, fmt.Errorf("%s: %w", page, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return 1, fmt.Errorf("cannot write the page: %w", err)
	}
	if len(noCause) > 0 {
		return 1, fmt.Errorf("%d differences have no cause in %s yet; the first is %s", len(noCause), page, noCause[0])
	}
	return 0, nil
}

func orNone(outcome conformance.Outcome) conformance.Outcome {
	if outcome == "" {
		return "not run"
	}
	return outcome
}

// reportOf reads what the last run on a subject found; it is empty if there was
// none.
func reportOf(root, subject string) (read conformance.Report, err error) {
	file, err := os.Open(filepath.Join(folder(root, subject), reportFile))
	if errors.Is(err, fs.ErrNotExist) {
		_, _ = fmt.Fprintf(os.Stderr, "%s: it was not run yet\n", subject)
		return read, nil
	}
	if err != nil {
		return read, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if read, err = conformance.Read(file); err != nil {
		return read, fmt.Errorf("%s: %w", subject, err)
	}
	return read, nil
}

// about says what the suite was run with.
func about(ctx context.Context, root string) (string, error) {
	paths, err := binaries.Containers(ctx, binaries.Options{Root: root})
	if err != nil {
		return "", err
	}
	programs, err := binaries.Conformance(ctx, binaries.Options{Root: root})
	if err != nil {
		return "", err
	}
	containerd, err := exec.CommandContext(ctx, paths.Containerd, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask containerd for its version: %w", err)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}
	cgroups := "v1"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		cgroups = "v2"
	}
	return fmt.Sprintf("Kubernetes %s and its end-to-end suite, focus %#q; containerd %s; Linux %s, cgroup %s, %d processors; %s.",
		programs.Version, focus(""), versionIn(string(containerd)), strings.TrimSpace(string(kernel)), cgroups,
		runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly)), nil
}

// versionIn is the version in what `containerd --version` prints: its third word.
func versionIn(line string) string {
	words := strings.Fields(line)
	if len(words) < 3 {
		return strings.TrimSpace(line)
	}
	return words[2]
}
