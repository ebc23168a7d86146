package scripts

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/stage"
)

// patience is how long `until` tries.
const patience = time.Minute

// on is set by TestMain and only read afterwards.
var on *stage.Stage //nolint:gochecknoglobals // TestMain has no other way to hand the stage to the test.

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite what the scripts compare with; read the diff before committing it")
	os.Exit(stage.Run(m, stage.Options{WebhookArgs: []string{"--unschedulable-backoff=10m"}}, func(s *stage.Stage) { on = s }))
}

func TestScripts(t *testing.T) {
	update, err := strconv.ParseBool(flag.Lookup("update").Value.String())
	if err != nil {
		t.Fatal(err)
	}
	path, err := programs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var namespaces atomic.Int64
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			namespace := fmt.Sprintf("script-%d", namespaces.Add(1))
			env.Setenv("PATH", path+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("KUBECONFIG", on.Upstream.AdminKubeconfig())
			env.Setenv("DOWNSTREAM", on.Downstream.AdminKubeconfig())
			env.Setenv("NS", namespace)
			return on.Upstream.CreateNamespace(t.Context(), namespace, nil)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "until": until, "subst": subst, "first": first,
		},
	})
}

// programs makes a folder of links to what scripts may run.
func programs(dir string) (string, error) {
	for name, target := range map[string]string{
		"spillway": on.Spillway, "kubectl-spillway": on.Spillway, "kubectl": on.Binaries.Kubectl,
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("cannot make the scripts' programs: %w", err)
		}
	}
	return dir, nil
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if failure, exited := errors.AsType[*exec.ExitError](err); exited {
		code = failure.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[len(args)-2] != "--" {
		ts.Fatalf("usage: until COMMAND ARGS... -- REGEXP")
	}
	command := args[:len(args)-2]
	want, err := regexp.Compile("(?m)" + args[len(args)-1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(playground.Eventually(ctx, strings.Join(command, " "), func(context.Context) error {
		if err := ts.Exec(command[0], command[1:]...); err != nil {
			return fmt.Errorf("%w\n%s", err, ts.ReadFile("stderr"))
		}
		if out := ts.ReadFile("stdout"); !want.MatchString(out) {
			return fmt.Errorf("it prints\n%s", out)
		}
		return nil
	}))
}

func subst(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: subst FILE...")
	}
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// first makes what matters most testable: whether it is on the first screen.
func first(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: first N")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	lines := strings.SplitAfterN(ts.ReadFile("stdout"), "\n", n+1)
	_, err = fmt.Fprint(ts.Stdout(), strings.Join(lines[:min(n, len(lines))], ""))
	ts.Check(err)
}
