package manifest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Position is where an object stands in the input.
type Position struct {
	// File is the path as it was given, or found in a directory that was given.
	File string
	// Document is the document's number in the file, from 1.
	Document int
	// Item is the object's number in a list that is the document, from 1; 0 if
	// the object is the whole document.
	Item int
}

// String returns "FILE: document N", and the item if there is one.
func (p Position) String() string {
	if p.Item > 0 {
		return fmt.Sprintf("%s: document %d: item %d", p.File, p.Document, p.Item)
	}
	return fmt.Sprintf("%s: document %d", p.File, p.Document)
}

// Error says what in the input cannot be read. Its message is
// "FILE: document N: field: problem"; a problem with a whole document has no
// field.
type Error struct {
	Position Position
	// Field is the path of the field at fault, as in spec.containers[0].image.
	Field string
	// Err is the problem.
	Err error
}

func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: %v", e.Position, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Position, e.Field, e.Err)
}

// Unwrap returns the problem.
func (e *Error) Unwrap() error { return e.Err }

// Read returns the objects in the files, in their order. A path may be a
// directory, which stands for its *.yaml, *.yml and *.json files by name, or
// Stdin. The error joins the problems of all documents; those that can be read
// by themselves are *Error values.
func Read(paths []string, stdin io.Reader) ([]Object, error) {
	var (
		objects []Object
		errs    []error
	)
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			errs = append(errs, err)
		}
		for _, file := range files {
			content, err := readFile(file, stdin)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			read, err := objectsOf(file, content)
			if err != nil {
				errs = append(errs, err)
			}
			objects = append(objects, read...)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return objects, nil
}

func filesOf(path string) ([]string, error) {
	if path == Stdin {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the input: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the input: %w", err)
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(entry.Name())) {
			files = append(files, filepath.Join(path, entry.Name()))
		}
	}
	if files == nil {
		return nil, fmt.Errorf("%s: no *.yaml, *.yml or *.json file in this directory", path)
	}
	return files, nil
}

func readFile(path string, stdin io.Reader) ([]byte, error) {
	var (
		content []byte
		err     error
	)
	if path == Stdin {
		content, err = io.ReadAll(stdin)
	} else {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the input: %w", err)
	}
	return content, nil
}
