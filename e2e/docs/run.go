package docs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The names of what a page finds, or leaves, beside its own files.
const (
	upstreamFile = "upstream.kubeconfig"
	traceFile    = "trace"
	outputFile   = "output"
)

// shown is how much of what commands printed is part of an error, in bytes.
const shown = 6 << 10

// furnish makes a page's directory, in which its commands run, in dir.
func (s *stage) furnish(dir, root string, programs programs, namespace string) error {
	if err := errors.Join(
		os.CopyFS(filepath.Join(dir, "docs", "examples"), os.DirFS(filepath.Join(root, "docs", "examples"))),
		os.CopyFS(filepath.Join(dir, "charts"), os.DirFS(filepath.Join(root, "charts"))),
		os.Mkdir(filepath.Join(dir, "bin"), 0o755),
	); err != nil {
		return fmt.Errorf("cannot copy what pages find: %w", err)
	}
	errs := []error{
		os.Symlink(programs.spillway, filepath.Join(dir, "bin", "spillway")),
		kubeconfigIn(s.upstream.AdminKubeconfig(), namespace, filepath.Join(dir, upstreamFile)),
	}
	for name, cluster := range s.downstream {
		errs = append(errs, kubeconfigIn(cluster.AdminKubeconfig(), namespace, filepath.Join(dir, name+".kubeconfig")))
	}
	return errors.Join(errs...)
}

// servers are variables with the process ids of downstream API servers, for incidents.
func (s *stage) servers() []string {
	var variables []string
	for name, cluster := range s.downstream {
		variables = append(variables, fmt.Sprintf("PAGE_%s=%d", name, cluster.APIServer.PID()))
	}
	return variables
}

// kubeconfigIn copies a kubeconfig and makes namespace the current one.
func kubeconfigIn(from, namespace, to string) error {
	config, err := clientcmd.LoadFromFile(from)
	if err != nil {
		return fmt.Errorf("cannot read the kubeconfig: %w", err)
	}
	config.Contexts[config.CurrentContext] = &clientcmdapi.Context{
		Cluster: config.Contexts[config.CurrentContext].Cluster, AuthInfo: config.Contexts[config.CurrentContext].AuthInfo, Namespace: namespace,
	}
	if err := clientcmd.WriteToFile(*config, to); err != nil {
		return fmt.Errorf("cannot write the kubeconfig: %w", err)
	}
	return nil
}

// run has bash run a page in its directory, with variables. apart is a folder for what is
// not the page's. The error has the page's line, the command and what was printed last.
func run(ctx context.Context, page Page, dir, apart string, programs programs, variables ...string) (err error) {
	script, rules := filepath.Join(apart, "page.sh"), filepath.Join(apart, "prologue.sh")
	home, tmp := filepath.Join(apart, "home"), filepath.Join(apart, "tmp")
	output, err := os.Create(filepath.Join(apart, outputFile))
	if err != nil {
		return fmt.Errorf("cannot keep what the page prints: %w", err)
	}
	defer func() { err = errors.Join(err, output.Close()) }()
	if err := errors.Join(
		os.WriteFile(script, []byte(page.Script()), 0o600),
		os.WriteFile(rules, fmt.Appendf(nil, prologue, page.Path), 0o600),
		os.Mkdir(home, 0o755), os.Mkdir(tmp, 0o755),
	); err != nil {
		return fmt.Errorf("cannot write the page's commands: %w", err)
	}
	cmd := exec.CommandContext(ctx, "bash", script)
	cmd.Dir = dir
	cmd.Env = slices.Concat(variables, []string{
		"PATH=" + programs.path + ":" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + tmp, "LANG=C.UTF-8", "GOGC=off",
		"KUBECONFIG=" + filepath.Join(dir, upstreamFile), "BASH_ENV=" + rules, "PAGE_TRACE=" + filepath.Join(apart, traceFile),
	})
	cmd.Stdout, cmd.Stderr = output, output
	// A group of its own, so that its background processes are found.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	ended := cmd.Run()
	left := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) == nil
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: the last command did not end in time: %s\n%s", page.Path, lastLine(apart), tail(output.Name()))
	case ended != nil:
		return fmt.Errorf("%s: %w\n%s", culprit(page, tail(output.Name())), ended, tail(output.Name()))
	case left:
		return fmt.Errorf("%s: processes that it started are still there at its end", page.Path)
	}
	return nil
}

// culprit is what the prologue said about the command that failed, or the page.
func culprit(page Page, output string) string {
	for line := range strings.SplitSeq(output, "\n") {
		if strings.HasPrefix(line, page.Path+":") {
			return line
		}
	}
	return page.Path
}

// lastLine is what bash was about to do: the line of the page and the command.
func lastLine(apart string) string {
	lines := strings.Split(strings.TrimSpace(tail(filepath.Join(apart, traceFile))), "\n")
	return "line " + strings.TrimLeft(lines[len(lines)-1], "+")
}

// tail is the end of a file.
func tail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(content) > shown {
		content = append([]byte("...\n"), content[len(content)-shown:]...)
	}
	return string(content)
}
