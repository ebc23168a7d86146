package monitoring

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Metric is a metric as the code declares it.
type Metric struct {
	// Name is its whole name, Type counter, gauge or histogram, Help what the code says
	// about it.
	Name, Type, Help string
	// Labels are the names of its labels, those with a value for all time last.
	Labels []string
	// Lazy says that there are no series before something happened.
	Lazy bool
}

// Declared returns the metrics that the product's code makes, by name, from the
// checkout's top folder. It fails for one whose name, help or labels are no literals:
// they could not be looked for.
func Declared(root string) ([]Metric, error) {
	byName := map[string]Metric{}
	for _, folder := range []string{"cmd", "webhook", "provider", "certs"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return declaredIn(path, byName)
		})
		if err != nil {
			return nil, fmt.Errorf("cannot read which metrics there are: %w", err)
		}
	}
	var all []Metric
	for _, metric := range byName {
		all = append(all, metric)
	}
	slices.SortFunc(all, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func declaredIn(path string, into map[string]Metric) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	var failures []error
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		metric, err := metricOf(call)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", files.Position(call.Pos()), err))
		} else if metric.Name != "" {
			into[metric.Name] = metric
		}
		return true
	})
	return errors.Join(failures...)
}

// metricOf is the metric that a call of prometheus.New... makes, or none.
func metricOf(call *ast.CallExpr) (Metric, error) {
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return Metric{}, nil
	}
	of, ok := function.X.(*ast.Ident)
	kind, isNew := strings.CutPrefix(function.Sel.Name, "New")
	options, isLiteral := call.Args[0].(*ast.CompositeLit)
	if !ok || of.Name != "prometheus" || !isNew || !isLiteral {
		return Metric{}, nil
	}
	kind, isVec := strings.CutSuffix(strings.TrimSuffix(kind, "Func"), "Vec")
	metric := Metric{Type: strings.ToLower(kind), Lazy: isVec}
	if err := metric.read(options); err != nil {
		return Metric{}, err
	}
	if isVec {
		labels, err := literals(call.Args[1])
		if err != nil {
			return Metric{}, err
		}
		metric.Labels = append(labels, metric.Labels...)
	}
	return metric, nil
}

// read takes the name, the help and constant labels from the options.
func (m *Metric) read(options *ast.CompositeLit) (err error) {
	for _, element := range options.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return errors.New("an option without its name")
		}
		switch name(pair.Key) {
		case "Name":
			m.Name, err = literal(pair.Value)
		case "Help":
			m.Help, err = literal(pair.Value)
		case "ConstLabels":
			m.Labels, err = literals(pair.Value)
		case "Namespace", "Subsystem":
			err = errors.New("a metric whose name is in pieces, which nobody finds")
		}
		if err != nil {
			return err
		}
	}
	if m.Name == "" || m.Help == "" {
		return errors.New("a metric without name or help")
	}
	return nil
}

func name(expression ast.Expr) string {
	if identifier, ok := expression.(*ast.Ident); ok {
		return identifier.Name
	}
	return ""
}

func literal(expression ast.Expr) (string, error) {
	if value, ok := expression.(*ast.BasicLit); ok && value.Kind == token.STRING {
		return strconv.Unquote(value.Value)
	}
	return "", errors.New("a metric's name, help or label that is no literal")
}

// literals are the strings of a list, or the keys of a map.
func literals(expression ast.Expr) ([]string, error) {
	list, ok := expression.(*ast.CompositeLit)
	if !ok {
		return nil, errors.New("a metric's labels that are no literal")
	}
	var all []string
	for _, element := range list.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			element = pair.Key
		}
		text, err := literal(element)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}
