// Command access reads the audit logs that stories have left, and fails if
// Spillway's roles are not exactly what its processes used: see package access.
//
//	access [-partial] dir
//
// dir has a folder for each program that ran clusters, with their audit logs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spillway-io/spillway/e2e/access"
	"github.com/spillway-io/spillway/e2e/playground"
)

func main() {
	partial := flag.Bool("partial", false, "only some stories ran: do not judge what was not used")
	flag.Parse()
	ok, err := run(os.Stderr, flag.Arg(0), *partial)
	if err != nil {
		fmt.Fprintln(os.Stderr, "access:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(out io.Writer, dir string, partial bool) (ok bool, err error) {
	objects, err := playground.Roles()
	if err != nil {
		return false, err
	}
	evidence := access.Evidence{Partial: partial, Uses: access.NewUses(playground.RoleHolder), Programs: map[string]bool{}, As: map[string]string{registrars: webhooks}}
	if evidence.Grants, err = access.Expand(objects); err != nil {
		return false, err
	}
	if objects, err = playground.RegisterRoles(); err != nil {
		return false, err
	}
	if evidence.Extra, err = access.Expand(objects); err != nil {
		return false, err
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*", "audit-*.log"))
	if err != nil {
		return false, err
	}
	if len(logs) == 0 {
		return false, fmt.Errorf("no audit logs below %q", dir)
	}
	for _, log := range logs {
		program := filepath.Base(filepath.Dir(log))
		evidence.Programs[program] = true
		if err := readLog(evidence.Uses, program, log); err != nil {
			return false, err
		}
	}
	verdict := access.Judge(evidence, exceptions())
	_, err = io.WriteString(out, strings.TrimLeft(verdict.Text(evidence), "\n"))
	return verdict.OK(), err
}

func readLog(uses *access.Uses, program, path string) (err error) {
	log, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot open an audit log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return uses.Read(program, log)
}
