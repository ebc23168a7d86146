package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/charts"
	"github.com/spillway-io/spillway/cmd/spillway/internal/reference"
)

// TestReference: docs/reference says what the code does. -update writes it anew.
func TestReference(t *testing.T) {
	root := filepath.Join("..", "..")
	source, err := os.ReadFile(filepath.Join(root, "api", "keys.go"))
	if err != nil {
		t.Fatal(err)
	}
	users := usersOfKeys(t, root)
	keys, err := reference.Keys(source, func(name string) []string { return users[name] })
	if err != nil {
		t.Fatal(err)
	}
	schema, err := charts.Spillway.ReadFile("spillway/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := charts.Spillway.ReadFile("spillway/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values, err := reference.Values(schema, defaults)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(keys, "|  |\n") {
		t.Error("package api has a key that no part of Spillway knows")
	}
	for name, want := range map[string]string{"keys.md": keys, "commands.md": reference.Commands(newRootCommand()), "values.md": values} {
		path := filepath.Join(root, "docs", "reference", name)
		if updates(t) {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Error(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("docs/reference/%s is stale; make golden writes it anew: -code +page\n%s", name, diff)
		}
	}
}

// usersOfKeys are the parts of the product that know a constant of package api, by its
// name: the servers or, where they do not, commands. Virtual nodes share one package with
// the webhook.
func usersOfKeys(t *testing.T, root string) map[string][]string {
	t.Helper()
	users := map[string][]string{}
	for _, part := range []struct{ dir, name string }{
		{"webhook", "webhook"}, {"provider", "virtual node"}, {"webhook/stash", "virtual node"}, {"cmd", "commands"},
	} {
		known := map[string]bool{}
		err := filepath.WalkDir(filepath.Join(root, part.dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				selector, ok := node.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if from, ok := selector.X.(*ast.Ident); ok && from.Name == "api" {
					known[selector.Sel.Name] = true
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for name := range known {
			if !slices.Contains(users[name], part.name) && (part.dir != "cmd" || users[name] == nil) {
				users[name] = append(users[name], part.name)
			}
		}
	}
	return users
}

// TestExamples: the examples of every command have flags that there are.
func TestExamples(t *testing.T) {
	for _, command := range newRootCommand().Commands() {
		for _, line := range reference.Examples(command) {
			for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == '|' || r == ';' || r == '>' }) {
				words := strings.Fields(part)
				if len(words) < 2 || words[0] != "spillway" && !(words[0] == "kubectl" && words[1] == "spillway") {
					continue
				}
				if words[0] == "kubectl" {
					words = words[1:]
				}
				found, args, err := newRootCommand().Find(unquoted(words[1:]))
				if err != nil {
					t.Errorf("%s: %s: %v", command.Name(), part, err)
				} else if err := found.ParseFlags(args); err != nil {
					t.Errorf("%s: %s: %v", command.Name(), part, err)
				}
			}
		}
	}
}

// unquoted are words without the quotes of a shell.
func unquoted(words []string) []string {
	var plain []string
	for _, word := range words {
		plain = append(plain, strings.Trim(word, `'"`))
	}
	return plain
}
