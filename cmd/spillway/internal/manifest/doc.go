// Package manifest reads and writes Kubernetes objects as people keep them in
// files: YAML or JSON, several documents to a file, lists among them.
//
// Whatever cannot be read is told by file, document and field. Documents are
// counted from 1, as a reader sees them: nothing but comments is no document.
//
// The package knows no kinds; Decode is given the type that the caller expects.
// It refuses to guess: a key that is given twice, or a value of another type
// than the field's, is an error, as it is for an API server.
package manifest
