package stash

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/spillway-io/spillway/api"
)

// Origin says who wrote a pod's stash.
type Origin int

const (
	// Absent means that the pod carries no stash.
	Absent Origin = iota
	// Supplied means a stash without marker: written by a user or by a subset's
	// patch, and honoured verbatim.
	Supplied
	// Saved means a stash with a valid marker: written by Save.
	Saved
)

// Stash is what a pod's annotations say about its scheduling fields.
type Stash struct {
	Origin Origin
	// Fields is empty when Origin is Absent.
	Fields Fields
	// Unknown names the fields of a supplied stash that this version of Spillway
	// does not know, and those given twice. They have no effect.
	Unknown []string
}

// Error says that a pod's stash cannot be trusted. Its message names the
// annotation, the place in it, and what to do.
type Error struct {
	// Annotation is the key of the annotation at fault.
	Annotation string
	// Offset is the position in the annotation's value, in bytes, at which
	// reading failed; -1 when the fault has no single place.
	Offset int64
	// Err is the cause.
	Err error
}

func (e *Error) Error() string {
	at := ""
	if e.Offset >= 0 {
		at = fmt.Sprintf(" at offset %d", e.Offset)
	}
	return fmt.Sprintf("annotation %q%s: %v; %s", e.Annotation, at, e.Err, e.fix())
}

func (e *Error) fix() string {
	if e.Annotation == api.StashMarkerAnnotation {
		return fmt.Sprintf("create the pod from its original manifest, which has neither annotation, or remove %q alone to have the value of %q honoured verbatim",
			api.StashMarkerAnnotation, api.StashAnnotation)
	}
	return `give a JSON object with any of "nodeSelector", "affinity", "tolerations" and "topologySpreadConstraints" as in a pod's spec, or remove the annotation`
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Read returns the stash that pod carries. The error, always an *Error, tells
// of a value that is not a JSON object of scheduling fields, of a supplied
// value that an API server would refuse in a pod's spec, or of a marker that
// does not fit.
func Read(pod *corev1.Pod) (Stash, error) {
	value, has := pod.Annotations[api.StashAnnotation]
	marker, marked := pod.Annotations[api.StashMarkerAnnotation]
	switch {
	case !has && !marked:
		return Stash{}, nil
	case !has:
		return Stash{}, &Error{api.StashMarkerAnnotation, -1, fmt.Errorf("there is a marker but no annotation %q beside it", api.StashAnnotation)}
	case marked && marker != Marker(value):
		return Stash{}, &Error{api.StashMarkerAnnotation, -1, fmt.Errorf("the marker does not fit the value of annotation %q: one of them was changed after the stash was made", api.StashAnnotation)}
	}
	fields, unknown, err := decode(value)
	if err != nil {
		return Stash{}, err
	}
	if marked {
		return Stash{Origin: Saved, Fields: fields}, nil
	}
	if errs := fields.Validate(field.NewPath(api.StashAnnotation)); len(errs) > 0 {
		return Stash{}, &Error{api.StashAnnotation, -1, errs.ToAggregate()}
	}
	return Stash{Origin: Supplied, Fields: fields, Unknown: unknown}, nil
}

// Marker returns the value of the spillway.io/stash annotation that belongs
// beside a clusterSelector annotation of the given value.
func Marker(value string) string {
	sum := sha256.Sum256([]byte(value))
	return "v1:sha256:" + hex.EncodeToString(sum[:])
}

// decode reads names case-sensitively, as Kubernetes does: "nodeselector" is an
// unknown field and gets a warning, not a guess.
func decode(value string) (fields Fields, unknown []string, err error) {
	raw := []byte(value)
	strict, err := kjson.UnmarshalStrict(raw, &fields)
	if err != nil {
		return Fields{}, nil, locate(raw, err)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		return Fields{}, nil, errNotAnObject()
	}
	for _, e := range strict {
		unknown = append(unknown, e.Error())
	}
	return fields, unknown, nil
}

// locate finds the position of a decoding error. Kubernetes' decoder tells it
// for syntax errors only; for a value of the wrong type the standard one, which
// stumbles over the same value, does.
func locate(raw []byte, err error) *Error {
	if isSyntax, at := kjson.SyntaxErrorOffset(err); isSyntax {
		return &Error{api.StashAnnotation, at, err}
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case !errors.As(json.Unmarshal(raw, &Fields{}), &wrongType):
		return &Error{api.StashAnnotation, -1, err}
	case wrongType.Field == "":
		return errNotAnObject()
	default:
		return &Error{api.StashAnnotation, wrongType.Offset, fmt.Errorf("field %q cannot hold a JSON %s", wrongType.Field, wrongType.Value)}
	}
}

func errNotAnObject() *Error {
	return &Error{api.StashAnnotation, 0, errors.New("not a JSON object")}
}
