package playground

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// AuditVariable is an environment variable. If it names a folder, the API server of
// every cluster logs there what Spillway's processes ask of it, in a folder named
// after the program that started the cluster, in a file of its own.
const AuditVariable = "SPILLWAY_AUDIT"

// auditPolicy begins an audit policy. A request that takes long is logged when it begins
// too: if the server is killed, that is all there is of it.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
`

// auditSpillway has an API server log each request of Spillway's processes, also of
// those that a chart has installed, before its client has the answer.
const auditSpillway = `
- level: Metadata
  userGroups: ["` + webhookGroup + `", "` + nodeGroup + `", "` + downstreamGroup + `", "system:serviceaccounts:` + spillwayNamespace + `"]
`

// prepareAudit decides on the audit log, and writes the policy for it. rules are
// Options.Audit.
func (c *Cluster) prepareAudit(rules string) (err error) {
	dir := os.Getenv(AuditVariable)
	switch {
	case dir != "":
		dir = filepath.Join(dir, strings.TrimSuffix(filepath.Base(os.Args[0]), ".test"))
	case rules != "":
		dir = c.dir
	default:
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make a folder for audit logs: %w", err)
	}
	log, err := os.CreateTemp(dir, "audit-"+c.name+"-*.log")
	if err != nil {
		return fmt.Errorf("cannot make an audit log: %w", err)
	}
	c.auditLog = log.Name()
	if err := errors.Join(log.Close(), os.WriteFile(c.auditPolicyFile(), []byte(auditPolicy+rules+auditSpillway), 0o600)); err != nil {
		return fmt.Errorf("cannot write the audit policy: %w", err)
	}
	return nil
}

// auditArgs keep the log in one file: what has been rotated away would be missed.
func (c *Cluster) auditArgs() []string {
	if c.auditLog == "" {
		return nil
	}
	return []string{
		"--audit-policy-file=" + c.auditPolicyFile(),
		"--audit-log-path=" + c.auditLog,
		"--audit-log-maxsize=100000", // MB
	}
}

func (c *Cluster) auditPolicyFile() string { return filepath.Join(c.dir, "audit-policy.yaml") }

// AuditLog is the path of the audit log, empty if there is none: see Options.Audit.
func (c *Cluster) AuditLog() string { return c.auditLog }
