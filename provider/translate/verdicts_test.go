package translate_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestVerdictsAreCarriedOut: what Pod and Status do to random pods is what the
// verdicts say, field by field.
func TestVerdictsAreCarriedOut(t *testing.T) {
	covered := make(map[string]bool)
	index := indexed(translate.Verdicts())
	everyWorld(t, func(t *testing.T, upstream *corev1.Pod, rules translate.Rules, facts translate.Facts) {
		downstream, _, err := translate.Pod(upstream, rules, facts)
		if err != nil {
			t.Fatal(err)
		}
		down := comparison{index: index, covered: covered, rewritten: rewritten(t, upstream, rules, facts)}
		down.walk("metadata", "", reflect.ValueOf(upstream.ObjectMeta), reflect.ValueOf(downstream.ObjectMeta))
		down.walk("spec", "", reflect.ValueOf(upstream.Spec), reflect.ValueOf(downstream.Spec))

		reported := reportOn(upstream)
		status := translate.Status(upstream, reported, internalIP)
		up := comparison{index: index, covered: covered, rewritten: rewrittenStatus(upstream, reported), dropped: func(path string) any {
			return reflect.ValueOf(upstream.Status).FieldByIndex(fieldAt(path)).Interface()
		}}
		up.walk("status", "", reflect.ValueOf(reported.Status), reflect.ValueOf(status))
		for _, fault := range append(down.faults, up.faults...) {
			t.Error(fault)
		}
	})
	for _, v := range translate.Verdicts() {
		if !covered[v.Field] && !t.Failed() {
			t.Errorf("%s: no random pod has it, so nothing was tried", v.Field)
		}
	}
}

func fieldAt(path string) []int {
	for name, field := range members(reflect.TypeFor[corev1.PodStatus]()) {
		if "status."+name == path {
			return field.Index
		}
	}
	return nil
}

// walk descends as far as there are verdicts.
func (c *comparison) walk(path string, inherited translate.Decision, from, to reflect.Value) {
	decision, own := c.index.decisions[path]
	if !own {
		decision = inherited
	}
	if !from.IsZero() {
		c.covered[path] = true
	}
	switch {
	case !c.index.deeper[path]:
		c.judge(path, decision, from.Interface(), to.Interface())
	case from.Kind() == reflect.Struct:
		for name, field := range members(from.Type()) {
			c.walk(path+"."+name, decision, from.FieldByIndex(field.Index), to.FieldByIndex(field.Index))
		}
	case from.Kind() == reflect.Pointer && from.IsNil() != to.IsNil():
		c.fault(path, "one of the two is nil")
	case from.Kind() == reflect.Pointer && !from.IsNil():
		c.walk(path, decision, from.Elem(), to.Elem())
	case from.Kind() == reflect.Slice && from.Len() != to.Len():
		c.fault(path, "%d items became %d", from.Len(), to.Len())
	case from.Kind() == reflect.Slice:
		for i := range from.Len() {
			c.walk(path+"[]", decision, from.Index(i), to.Index(i))
		}
	}
}

func (c *comparison) judge(path string, decision translate.Decision, from, to any) {
	switch decision {
	case translate.Keep:
		if !apiequality.Semantic.DeepEqual(from, to) {
			c.fault(path, "is to be kept: -from +to:\n%s", cmp.Diff(from, to))
		}
	case translate.Drop:
		stays := reflect.Zero(reflect.TypeOf(to)).Interface()
		if c.dropped != nil {
			stays = c.dropped(path)
		}
		if !apiequality.Semantic.DeepEqual(stays, to) {
			c.fault(path, "is to be dropped: -want +got:\n%s", cmp.Diff(stays, to))
		}
	case translate.Rewrite:
		check := c.rewritten[path]
		if check == nil {
			c.fault(path, "is to be rewritten, and nothing says into what")
			return
		}
		if problem := check(from, to); problem != "" {
			c.fault(path, "%s", problem)
		}
	default:
		c.fault(path, "nobody decided about it")
	}
}

// TestDecision0007 compares the record with the list: it names each field that is
// not kept.
func TestDecision0007(t *testing.T) {
	record, err := os.ReadFile("../../docs/decisions/0007-what-translate-drops.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range translate.Verdicts() {
		row := "| `" + v.Field + "` | " + string(v.Decision) + " | " + v.Reason + " |"
		if v.Decision != translate.Keep && !strings.Contains(string(record), row) {
			t.Errorf("decision 0007 lacks the row\n%s", row)
		}
	}
}
