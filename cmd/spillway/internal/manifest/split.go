package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// part is what stands between two lines of a file that separate documents.
type part struct {
	content []byte
	// linesBefore is how many lines of the file precede the content.
	linesBefore int
}

// objectsOf returns the objects in one file's content. It goes on after a
// document that cannot be read, to tell of all of them at once.
func objectsOf(file string, content []byte) ([]Object, error) {
	var (
		objects  []Object
		errs     []error
		document = 0
	)
	for _, p := range split(content) {
		for content, err := range p.documents {
			document++
			at := Position{File: file, Document: document}
			if err != nil {
				errs = append(errs, &Error{Position: at, Err: err})
				continue
			}
			expanded, err := expand(at, content)
			if err != nil {
				errs = append(errs, err)
			}
			objects = append(objects, expanded...)
		}
	}
	return objects, errors.Join(errs...)
}

// split cuts a file at the lines that YAML separates documents with: "---",
// alone or followed by a space. Inside JSON there cannot be such a line, inside
// a YAML text block it would be indented.
func split(content []byte) []part {
	var parts []part
	current := part{}
	line := 0
	for text := range bytes.Lines(content) {
		line++
		rest, separates := bytes.CutPrefix(text, []byte("---"))
		if separates && (len(rest) == 0 || strings.ContainsRune(" \t\r\n", rune(rest[0]))) {
			parts = append(parts, current)
			current = part{linesBefore: line - 1}
			// What follows on the line is the new document's first line.
			current.content = append(current.content, bytes.TrimLeft(rest, " \t")...)
			continue
		}
		current.content = append(current.content, text...)
	}
	return append(parts, current)
}

// documents yields the JSON of each document of the part, or why it cannot be
// read. YAML parts are one document; JSON objects may follow each other.
func (p part) documents(yield func([]byte, error) bool) {
	if isJSON(p.content) {
		p.jsonDocuments(yield)
		return
	}
	// The empty lines make the parser count as the reader of the file does.
	padded := append(bytes.Repeat([]byte("\n"), p.linesBefore), p.content...)
	content, err := yaml.YAMLToJSONStrict(padded)
	switch {
	case err != nil:
		yield(nil, errors.New(plainYAMLError(err)))
	case string(content) != "null":
		yield(content, nil)
	}
}

// isJSON tells a JSON object from YAML, whose objects in braces rarely begin with
// a quoted key.
func isJSON(content []byte) bool {
	inside, braced := bytes.CutPrefix(bytes.TrimSpace(content), []byte("{"))
	inside = bytes.TrimSpace(inside)
	return braced && (len(inside) == 0 || inside[0] == '"' || inside[0] == '}')
}

func (p part) jsonDocuments(yield func([]byte, error) bool) {
	decoder := json.NewDecoder(bytes.NewReader(p.content))
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(nil, fmt.Errorf("json: line %d: %w", p.lineOf(decoder, err), err))
			return
		}
		if !yield(document, nil) {
			return
		}
	}
}

// lineOf returns the line of the file at which decoding JSON failed.
func (p part) lineOf(decoder *json.Decoder, err error) int {
	offset := decoder.InputOffset()
	if isSyntax, at := kjson.SyntaxErrorOffset(err); isSyntax {
		offset = at
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		offset = int64(len(p.content))
	}
	offset = min(offset, int64(len(p.content)))
	return p.linesBefore + 1 + bytes.Count(p.content[:offset], []byte("\n"))
}

// plainYAMLError takes from the parser's message what speaks about the parser.
func plainYAMLError(err error) string {
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	message = strings.Replace(message, "yaml: unmarshal errors:\n  ", "yaml: ", 1)
	return strings.ReplaceAll(message, "\n  ", "; ")
}
