package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// key is a constant of package api.
type key struct {
	name, value, comment string
}

// section are keys that are declared together.
type section struct {
	title string
	keys  []key
}

// Keys is the page about all constants of package api, whose source is given. users says
// which parts of the product know a constant, by its name.
func Keys(source []byte, users func(name string) []string) (string, error) {
	sections, err := readKeys(source)
	if err != nil {
		return "", err
	}
	values := map[string]string{}
	for _, s := range sections {
		for _, k := range s.keys {
			values[k.name] = k.value
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, written, "api/keys.go")
	b.WriteString("# Keys\n\nEvery label, annotation, taint and condition that other people's YAML and tools depend on, and the values that have a meaning. " +
		"None of them changes its meaning once released.\nThe last column says who writes or reads it: the webhook, virtual nodes, or only commands.\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| key | | meaning | used by |\n|---|---|---|---|\n", s.title)
		for _, k := range s.keys {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(k.value), k.kind(), cell(spelledOut(k, values)), strings.Join(users(k.name), ", "))
		}
	}
	return b.String(), nil
}

// readKeys returns the constants in their order. Each must have a comment.
func readKeys(source []byte) ([]section, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "keys.go", source, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("cannot read the keys: %w", err)
	}
	var sections []section
	for _, declared := range file.Decls {
		group, ok := declared.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		title, _, _ := strings.Cut(strings.Join(strings.Fields(group.Doc.Text()), " "), ".")
		s := section{title: strings.SplitN(title, ":", 2)[0]}
		for _, spec := range group.Specs {
			k, err := readKey(spec)
			if err != nil {
				return nil, err
			}
			s.keys = append(s.keys, k)
		}
		sections = append(sections, s)
	}
	return sections, nil
}

func readKey(spec ast.Spec) (key, error) {
	constant, ok := spec.(*ast.ValueSpec)
	if !ok || len(constant.Names) != 1 || len(constant.Values) != 1 {
		return key{}, fmt.Errorf("cannot read a key: %T is no constant with one name and value", spec)
	}
	name := constant.Names[0].Name
	literal, ok := constant.Values[0].(*ast.BasicLit)
	if !ok {
		return key{}, fmt.Errorf("cannot read the key %s: no literal", name)
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return key{}, fmt.Errorf("cannot read the key %s: %w", name, err)
	}
	if constant.Doc == nil {
		return key{}, fmt.Errorf("the key %s has no comment", name)
	}
	return key{name: name, value: value, comment: constant.Doc.Text()}, nil
}

// kind is what a constant is, by the end of its name.
func (k key) kind() string {
	for _, kind := range []struct{ suffix, word string }{
		{"Label", "label"},
		{"Annotation", "annotation"},
		{"Condition", "condition"},
		{"TaintKey", "taint"},
		{"Env", "environment variable"},
		{"Provisioner", "provisioner"},
		{"Parameter", "parameter"},
		{"Reason", "reason"},
	} {
		if strings.HasSuffix(k.name, kind.suffix) {
			return kind.word
		}
	}
	return "value"
}

// spelledOut is the comment with names of constants replaced by what they stand for, and
// without the name that it begins with.
func spelledOut(k key, values map[string]string) string {
	words := regexp.MustCompile(`[A-Z][A-Za-z]+`)
	text := strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(k.comment), k.name), ", \n")
	return words.ReplaceAllStringFunc(text, func(word string) string {
		if value, known := values[word]; known && strings.ContainsAny(word[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			return "`" + value + "`"
		}
		return word
	})
}
