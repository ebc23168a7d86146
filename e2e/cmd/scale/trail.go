package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	upstreamSide   = "upstream"
	downstreamSide = "downstream"
)

// policy has an API server write down each answer to a virtual node.
const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
omitManagedFields: true
rules:
- {level: Metadata, userGroups: ["spillway:nodes", "spillway:downstream-nodes"]}
- {level: None}
`

// trail is the audit log of one side, read on where the last reading ended. An
// API server writes an entry before its client has the answer.
type trail struct {
	side        string
	policy, log string
	read        int64 // bytes
}

func newTrail(dir, side string) (*trail, error) {
	t := &trail{side: side, policy: filepath.Join(dir, side+"-audit-policy.yaml"), log: filepath.Join(dir, side+"-audit.log")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make a folder for audit logs: %w", err)
	}
	if err := os.WriteFile(t.policy, []byte(policy), 0o600); err != nil {
		return nil, fmt.Errorf("cannot write the audit policy: %w", err)
	}
	return t, nil
}

// args have an API server keep the log, in one file.
func (t *trail) args() map[playground.Component][]string {
	return map[playground.Component][]string{playground.APIServer: {
		"--audit-policy-file=" + t.policy, "--audit-log-path=" + t.log, "--audit-log-maxsize=100000",
	}}
}

// next returns the requests since the last call.
func (t *trail) next() (_ []request, err error) {
	file, err := os.Open(t.log)
	if err != nil {
		return nil, fmt.Errorf("cannot open the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.NewSectionReader(file, t.read, 1<<40))
	if err != nil {
		return nil, fmt.Errorf("cannot read the audit log: %w", err)
	}
	// The last line may be half written.
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	t.read += int64(len(text))
	var all []request
	for line := range bytes.Lines(text) {
		r := request{Side: t.side}
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("cannot read an entry of the audit log: %w", err)
		}
		all = append(all, r)
	}
	return all, nil
}

// request is what an audit log says of one.
type request struct {
	Side      string
	Verb      string
	ObjectRef struct{ Namespace, Resource, Subresource string }
}

// operation is what requests have in common.
type operation struct{ side, verb, resource string }

func (r request) operation() operation {
	o := operation{r.Side, r.Verb, r.ObjectRef.Resource}
	if r.ObjectRef.Subresource != "" {
		o.resource += "/" + r.ObjectRef.Subresource
	}
	return o
}

// kind says what the limits speak about.
type kind string

const (
	// write changes an object that somebody else may watch.
	write kind = "write"
	// heartbeat says that the process lives, or what the Node offers.
	heartbeat kind = "heartbeat"
	// get reads one object; a list is one request for many.
	get   kind = "get"
	other kind = "other"
)

func (o operation) kind() kind {
	switch o.verb {
	case "create", "update", "patch", "delete", "deletecollection":
		switch o.resource {
		case "leases", "nodes", "nodes/status":
			return heartbeat
		}
		return write
	case "get":
		return get
	default:
		return other
	}
}

// tally counts requests.
type tally map[operation]int

// count leaves out those about canaries.
func count(all []request) tally {
	t := tally{}
	for _, r := range all {
		if r.ObjectRef.Namespace != canaries {
			t[r.operation()]++
		}
	}
	return t
}

// sum is how many there are of a kind, on a side.
func (t tally) sum(side string, k kind) (sum int) {
	for o, n := range t {
		if o.side == side && o.kind() == k {
			sum += n
		}
	}
	return sum
}

// of is how many requests there were about a resource, on both sides.
func (t tally) of(resource string, k kind) (sum int) {
	for o, n := range t {
		if o.resource == resource && o.kind() == k {
			sum += n
		}
	}
	return sum
}
