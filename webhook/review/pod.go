package review

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
)

// Pod is the pod of a request as far as it was read.
type Pod struct {
	// Head is the pod without its spec and its managed fields. Read fills in the spec.
	Head *corev1.Pod

	raw, spec []byte
	// unknown are the fields that the head has and the type has not.
	unknown []error
}

// ReadHead reads the head of a pod. The error is that of JSON, or of a value in the
// head that is not of its field's type.
func ReadHead(raw []byte) (*Pod, error) {
	p := &Pod{Head: &corev1.Pod{}, raw: raw}
	managed, spec := &sought{name: "managedFields"}, &sought{name: "spec"}
	metadata := &sought{name: "metadata", within: &object{sought: []*sought{managed}}}
	whole := &object{sought: []*sought{metadata, spec}}
	if !walk(raw, whole) || whole.unclear || spec.at.to == 0 {
		return p, p.readWhole()
	}
	leftOut := []span{spec.at}
	if managed.at.to > 0 && !metadata.within.unclear {
		leftOut = append(leftOut, managed.at)
		if metadata.at.from < spec.at.from {
			leftOut[0], leftOut[1] = leftOut[1], leftOut[0]
		}
	}
	var err error
	if p.unknown, err = kjson.UnmarshalStrict(cut(raw, leftOut...), p.Head); err != nil {
		// The offset, if the error has one, is to be that in the whole.
		return p, p.readWhole()
	}
	p.spec = raw[spec.at.from:spec.at.to]
	return p, nil
}

// Read fills in the spec, and returns the fields that the pod has and the type has
// not. Managed fields are left out: admission changes none, and nobody asks for them.
func (p *Pod) Read() (unknown []error, err error) {
	if p.spec == nil {
		return p.unknown, nil
	}
	unknown, err = kjson.UnmarshalStrict(p.spec, &p.Head.Spec)
	if err != nil || len(unknown) > 0 {
		// What is said about fields names them from the pod on.
		err = p.readWhole()
	}
	return p.unknown, err
}

// readWhole decodes all of the pod.
func (p *Pod) readWhole() (err error) {
	p.spec = nil
	*p.Head = corev1.Pod{}
	if p.unknown, err = kjson.UnmarshalStrict(p.raw, p.Head); err != nil {
		return fmt.Errorf("cannot read the pod of the request: %w", err)
	}
	return nil
}
