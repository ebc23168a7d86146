package translate_test

import (
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestEveryFieldHasAVerdict fails for a field that a new version of the API has and
// nobody thought about, and for a verdict about a field that is gone.
func TestEveryFieldHasAVerdict(t *testing.T) {
	verdicts := translate.Verdicts()
	for _, problem := range unjudged(reflect.TypeFor[corev1.Pod](), verdicts) {
		t.Error(problem)
	}
	t.Logf("%d verdicts", len(verdicts))
}

// TestUnjudgedBites: the test above finds what it is for.
func TestUnjudgedBites(t *testing.T) {
	type newerSpec struct {
		corev1.PodSpec `json:",inline"`
		Newer          string `json:"newer"`
	}
	type newerPod struct {
		Metadata struct{} `json:"metadata"`
		Spec     newerSpec
		Status   corev1.PodStatus `json:"status"`
	}
	cases := map[string]struct {
		of       reflect.Type
		verdicts []translate.Verdict
		want     string
	}{
		"a field more": {of: reflect.TypeFor[newerPod](), want: "Spec.newer: nobody decided about it"},
		"a verdict less": {
			of: reflect.TypeFor[corev1.Pod](), verdicts: without("status.reason"), want: "status.reason: nobody decided about it",
		},
		"a field that is gone": {
			of:       reflect.TypeFor[corev1.Pod](),
			verdicts: append(translate.Verdicts(), translate.Verdict{Field: "spec.containers[].gone", Decision: translate.Keep, Reason: "x"}),
			want:     "spec.containers[].gone: there is no such field",
		},
		"a verdict twice": {
			of:       reflect.TypeFor[corev1.Pod](),
			verdicts: append(translate.Verdicts(), translate.Verdict{Field: "spec.os", Decision: translate.Drop, Reason: "x"}),
			want:     "spec.os: decided twice",
		},
		"no reason": {
			of:       reflect.TypeFor[corev1.Pod](),
			verdicts: append(without("spec.os"), translate.Verdict{Field: "spec.os", Decision: translate.Drop}),
			want:     "spec.os: no reason, or no decision",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.verdicts == nil {
				tc.verdicts = translate.Verdicts()
			}
			if problems := unjudged(tc.of, tc.verdicts); !strings.Contains(strings.Join(problems, "\n"), tc.want) {
				t.Errorf("unjudged() = %q, want %q among them", problems, tc.want)
			}
		})
	}
}

func without(field string) []translate.Verdict {
	var left []translate.Verdict
	for _, v := range translate.Verdicts() {
		if v.Field != field {
			left = append(left, v)
		}
	}
	return left
}

// unjudged compares the verdicts with the fields of a pod's type: those of its
// metadata, spec and status each need one.
func unjudged(pod reflect.Type, verdicts []translate.Verdict) []string {
	var problems []string
	known := make(map[string]bool, len(verdicts))
	for _, v := range verdicts {
		switch {
		case known[v.Field]:
			problems = append(problems, v.Field+": decided twice")
		case !exists(pod, v.Field):
			problems = append(problems, v.Field+": there is no such field")
		case v.Reason == "" || (v.Decision != translate.Keep && v.Decision != translate.Drop && v.Decision != translate.Rewrite):
			problems = append(problems, v.Field+": no reason, or no decision")
		}
		known[v.Field] = true
	}
	for part, partOf := range members(pod) {
		for name := range members(partOf.Type) {
			if path := part + "." + name; !known[path] {
				problems = append(problems, path+": nobody decided about it")
			}
		}
	}
	return problems
}

// exists says whether a type has a field of that path.
func exists(of reflect.Type, path string) bool {
	for step := range strings.SplitSeq(path, ".") {
		name, listed := strings.CutSuffix(step, "[]")
		found := false
		for member, field := range members(of) {
			if member == name {
				found, of = true, field.Type
				break
			}
		}
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if !found || (listed && of.Kind() != reflect.Slice) {
			return false
		}
		if listed {
			of = of.Elem()
		}
	}
	return true
}

// members are the fields of an object by their names in JSON, those of embedded
// objects included. The index of each is relative to the object itself.
func members(object reflect.Type) iter.Seq2[string, reflect.StructField] {
	return func(yield func(string, reflect.StructField) bool) {
		if object.Kind() != reflect.Struct {
			return
		}
		for _, field := range reflect.VisibleFields(object) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			inlined := field.Anonymous && name == ""
			if !inlined && field.IsExported() && !yield(nameOf(name, field), field) {
				return
			}
		}
	}
}

func nameOf(name string, field reflect.StructField) string {
	if name == "" {
		return field.Name
	}
	return name
}

// comparison goes through a value and what was made of it, by the verdicts.
type comparison struct {
	index index
	// rewritten checks what was made of a field with the verdict Rewrite; it
	// returns what is wrong.
	rewritten checks
	// dropped is what stands in the place of a field that was dropped; nil for
	// nothing.
	dropped func(path string) any
	// covered are the fields that were seen with a value.
	covered map[string]bool
	faults  []string
}

func (c *comparison) fault(path, format string, args ...any) {
	c.faults = append(c.faults, path+": "+fmt.Sprintf(format, args...))
}

// index finds verdicts by path, and the paths below which there are any.
type index struct {
	decisions map[string]translate.Decision
	deeper    map[string]bool
}

func indexed(verdicts []translate.Verdict) index {
	all := index{map[string]translate.Decision{}, map[string]bool{}}
	for _, v := range verdicts {
		all.decisions[v.Field] = v.Decision
		for i, r := range v.Field {
			if r == '.' || r == '[' {
				all.deeper[v.Field[:i]] = true
			}
		}
	}
	return all
}
