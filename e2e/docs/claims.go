package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Count is how much of a page is run.
type Count struct {
	// Blocks are the sh fences, Commands the lines in them that begin a command.
	Blocks, Commands int
	// LeftOut are those that are not run, each as path:line and its need.
	LeftOut []string
}

// Count counts the page's commands. A translation has none of its own.
func (p Page) Count() Count {
	var c Count
	if p.Original() != "" {
		return c
	}
	for _, f := range p.Fences {
		switch {
		case f.Runs():
			c.Blocks++
			c.Commands += f.commands()
		case f.Needs != "":
			c.LeftOut = append(c.LeftOut, fmt.Sprintf("%s:%d needs %s", p.Path, f.Line, f.Needs))
		}
	}
	return c
}

func (f Fence) commands() int {
	n := 0
	continued := false
	for _, line := range f.Lines {
		text := strings.TrimSpace(line)
		if text != "" && !strings.HasPrefix(text, "#") && !continued {
			n++
		}
		continued = strings.HasSuffix(text, `\`)
	}
	return n
}

// Claims are the names that a page which shares its clusters takes for itself, as far as
// they can be told from its text: of namespaces, of what has no namespace, and of the
// examples that it applies.
func (p Page) Claims() []string {
	if p.Stage != Shared || p.Original() != "" {
		return nil
	}
	var claims []string
	for _, f := range p.Fences {
		switch {
		case f.Runs():
			claims = append(claims, f.namesMade()...)
		case f.File != "":
			claims = append(claims, f.namesDeclared()...)
		}
	}
	slices.Sort(claims)
	return slices.Compact(claims)
}

// namesMade are claims of commands.
func (f Fence) namesMade() []string {
	made := regexp.MustCompile(`kubectl create (?:namespace|ns) ([a-z0-9-]+)|kubectl apply .*-f (docs/examples/[^ \n]+)`)
	var names []string
	for _, found := range made.FindAllStringSubmatch(f.Text(), -1) {
		if found[1] != "" {
			names = append(names, "Namespace "+found[1])
		} else {
			names = append(names, found[2])
		}
	}
	return names
}

// namesDeclared are claims of a file with objects.
func (f Fence) namesDeclared() []string {
	objects, err := f.Objects()
	if err != nil {
		return nil // which Parse has said
	}
	var names []string
	for _, object := range objects {
		switch kind := object.GetKind(); kind {
		case "Namespace", "SidecarSet", "StorageClass", "PersistentVolume", "PriorityClass", "RuntimeClass", "ClusterRole", "ClusterRoleBinding":
			names = append(names, kind+" "+object.GetName())
		}
	}
	return names
}
