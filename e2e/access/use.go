package access

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Use is what the authorizer of an API server learns of a request.
type Use struct {
	// Holder is who asked, by the name that roles are bound to.
	Holder string
	Verb   string
	// Group, Resource, with a slash before its subresource, Namespace and Name are
	// those of an object. Name is empty where it is not known beforehand.
	Group, Resource, Namespace, Name string
	// URL is the path of a request that is about no object; then all of those are
	// empty.
	URL string
}

// Seen is how often there was a use.
type Seen struct {
	Allowed, Forbidden int
	// Programs whose clusters saw it.
	Programs map[string]bool
}

// Uses are what was read of audit logs.
type Uses struct {
	// Seen has the uses.
	Seen map[Use]*Seen
	// Unreadable is how many lines were no entries: a killed API server may leave one.
	Unreadable int

	holder func(user string, groups []string) string
}

// NewUses returns none. holder says by which name roles are bound to a user, or
// nothing if it is none of ours.
func NewUses(holder func(user string, groups []string) string) *Uses {
	return &Uses{Seen: map[Use]*Seen{}, holder: holder}
}

// entry is what an audit log says of a request. It says so twice of one that takes
// long: when it begins, and when it ends.
type entry struct {
	Verb       string
	RequestURI string
	User       struct {
		Username string
		Groups   []string
	}
	ImpersonatedUser *struct{}
	ObjectRef        *struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	Annotations      map[string]string
}

// decision is the annotation that the authorizer leaves: allow or forbid.
const decision = "authorization.k8s.io/decision"

// Read adds what an API server that a program ran has logged, one JSON object in a
// line.
func (u *Uses) Read(program string, log io.Reader) error {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			u.add(program, line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read an audit log of %s: %w", program, err)
		}
	}
}

func (u *Uses) add(program string, line []byte) {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		u.Unreadable++
		return
	}
	holder := u.holder(e.User.Username, e.User.Groups)
	// Who acts as somebody else is judged by other rules.
	if holder == "" || e.ImpersonatedUser != nil {
		return
	}
	for _, use := range e.uses(holder) {
		u.note(program, use, e.Annotations[decision])
	}
}

func (u *Uses) note(program string, use Use, decided string) {
	seen := u.Seen[use]
	if seen == nil {
		seen = &Seen{Programs: map[string]bool{}}
		u.Seen[use] = seen
	}
	switch decided {
	case "allow":
		seen.Allowed++
		seen.Programs[program] = true
	case "forbid":
		seen.Forbidden++
		seen.Programs[program] = true
	default: // it never came to that: the server was ending
	}
}

// uses are what the request was judged by. A WebSocket to a pod begins with a GET,
// but API servers since Kubernetes 1.35 want whoever opens one to be allowed to
// create, as with a POST; no log tells of that second question.
func (e entry) uses(holder string) []Use {
	if e.ObjectRef == nil {
		path, _, _ := strings.Cut(e.RequestURI, "?")
		return []Use{{Holder: holder, Verb: e.Verb, URL: path}}
	}
	use := e.use(holder)
	switch use.Resource {
	case "pods/exec", "pods/attach", "pods/portforward":
		if use.Verb == "get" && e.Annotations[decision] == "allow" {
			create := use
			create.Verb = "create"
			return []Use{use, create}
		}
	}
	return []Use{use}
}

func (e entry) use(holder string) Use {
	o := e.ObjectRef
	use := Use{Holder: holder, Verb: e.Verb, Group: o.APIGroup, Resource: o.Resource, Namespace: o.Namespace, Name: o.Name}
	if o.Subresource != "" {
		use.Resource += "/" + o.Subresource
	} else if e.Verb == "create" {
		use.Name = "" // it is in the body, which the authorizer does not see
	}
	return use
}
