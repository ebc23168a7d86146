package explain

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// stashSection is about what is kept of the author's scheduling fields. on is the
// virtual node that the pod is on; nil if there is none yet.
func (w world) stashSection(pod *corev1.Pod, on *corev1.Node) (*Stash, []Advice) {
	found, err := stash.Read(pod)
	if err != nil {
		return &Stash{Origin: "malformed", Error: err.Error()}, []Advice{{
			Severity: Error, Cause: fmt.Sprintf("the stash cannot be trusted, so no downstream pod is created of it: %v", err),
			Do: []string{fmt.Sprintf("correct the annotation %s, or remove it with %s, where the pod comes from: its manifest, its workload's template, or a WorkloadSpread's patch", api.StashAnnotation, api.StashMarkerAnnotation)},
		}}
	}
	s := &Stash{Origin: originOf(found.Origin)}
	if found.Origin == stash.Absent && on == nil {
		return s, nil
	}
	fields, err := w.recovered(pod, found, on)
	if err != nil {
		return s, []Advice{{Severity: Error, Cause: fmt.Sprintf("the pod does not belong on its virtual node: %v", err), Do: []string{"correct what binds the pod to that node past the scheduler, or its requirements on virtual nodes"}}}
	}
	s.Downstream = &fields
	s.Diff = differing("upstream", stash.FieldsOf(&pod.Spec), "downstream", fields)
	if w.Below != nil && w.Below.Pod != nil {
		s.Differs = differing("recovered", without(fields), "live", without(stash.FieldsOf(&w.Below.Pod.Spec)))
	}
	return s, nil
}

func originOf(origin stash.Origin) string {
	switch origin {
	case stash.Saved:
		return "ours"
	case stash.Supplied:
		return "supplied"
	default:
		return "absent"
	}
}

// recovered is what downstream gets; before there is a virtual node, all that is in
// the stash.
func (w world) recovered(pod *corev1.Pod, found stash.Stash, on *corev1.Node) (stash.Fields, error) {
	if on == nil {
		return found.Fields, nil
	}
	return stash.Recover(pod, stash.VirtualNode{Name: on.Name, Labels: on.Labels, RoutingKeys: w.policy.RoutingKeys})
}

// without leaves out the tolerations that every API server adds.
func without(f stash.Fields) stash.Fields {
	var kept []corev1.Toleration
	for _, t := range f.Tolerations {
		if t.Key != corev1.TaintNodeNotReady && t.Key != corev1.TaintNodeUnreachable {
			kept = append(kept, t)
		}
	}
	f.Tolerations = kept
	return f
}

func differing(oldName string, old stash.Fields, newName string, now stash.Fields) string {
	if apiequality.Semantic.DeepEqual(old, now) {
		return ""
	}
	return strings.TrimPrefix(string(diff.Diff(oldName, inYAML(old), newName, inYAML(now))), fmt.Sprintf("diff %s %s\n", oldName, newName))
}

func inYAML(f stash.Fields) []byte {
	text, err := yaml.Marshal(f)
	if err != nil || string(text) == "{}\n" {
		return nil // what was decoded can be encoded
	}
	return text
}
