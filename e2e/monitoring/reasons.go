package monitoring

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Reasons returns the words that the product's code gives as the reasons of events,
// statuses and conditions, sorted, from the checkout's top folder. They are its constants
// whose names begin with reason, Reason or Note, and those of the type spread.Reason.
func Reasons(root string) ([]Constant, error) {
	var all []Constant
	err := eachFolder(root, func(folder string) error {
		for _, word := range []string{"reason", "Reason", "Note"} {
			if word == "Reason" && filepath.Base(folder) == "mutate" {
				continue // Why pods are skipped is no event.
			}
			found, err := Constants(folder, word)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Constant) int { return cmp.Compare(a.Text, b.Text) })
	return slices.CompactFunc(all, func(a, b Constant) bool { return a.Text == b.Text }), err
}

// eachFolder calls f with the folders that have the code of both processes.
func eachFolder(root string, f func(folder string) error) error {
	for _, top := range []string{"webhook", "provider", "certs"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() || entry.Name() == "testdata" {
				return err
			}
			return f(path)
		})
		if err != nil {
			return fmt.Errorf("cannot read which reasons there are: %w", err)
		}
	}
	return nil
}

// LiteralReasons returns where the code gives a reason that is no constant, and so is
// not among Reasons: as the reason of an event, as an argument of a function that takes
// one, or as the field Reason of an event or a note.
func LiteralReasons(root string) ([]string, error) {
	var all []string
	err := eachFolder(root, func(folder string) error {
		files := token.NewFileSet()
		paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if at := literalReason(node); at.IsValid() {
					all = append(all, files.Position(at).String())
				}
				return true
			})
		}
		return nil
	})
	return all, err
}

// Where an event's reason stands among the arguments of a recorder's Eventf.
const reasonArgument = 3

func literalReason(node ast.Node) token.Pos {
	var given ast.Expr
	switch node := node.(type) {
	case *ast.CallExpr:
		function, ok := node.Fun.(*ast.SelectorExpr)
		if ok && function.Sel.Name == "Eventf" && len(node.Args) > reasonArgument {
			given = node.Args[reasonArgument]
		}
	case *ast.CompositeLit:
		if !regexp.MustCompile(`^(Event|Note|Warning|Obstacle)$`).MatchString(typeName(node.Type)) {
			return token.NoPos
		}
		for _, element := range node.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok && name(pair.Key) == "Reason" {
				given = pair.Value
			}
		}
	}
	if literal, ok := given.(*ast.BasicLit); ok {
		return literal.Pos()
	}
	return token.NoPos
}

// typeName is the name of a type, without its package.
func typeName(expression ast.Expr) string {
	if selector, ok := expression.(*ast.SelectorExpr); ok {
		return selector.Sel.Name
	}
	return name(expression)
}

// Row is a row of a table of a page.
type Row []string

// Table returns the rows of the tables of a page whose first column has a word in code
// style, by that word.
func Table(page string) map[string]Row {
	rows := map[string]Row{}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		word := cells[0]
		if len(cells) > 1 && strings.HasPrefix(word, "`") && strings.HasSuffix(word, "`") {
			rows[strings.Trim(word, "`")] = cells[1:]
		}
	}
	return rows
}
