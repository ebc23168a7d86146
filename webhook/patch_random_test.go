package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"
)

// TestPatchKeepsUnknownFields changes random pods, of which every object in
// the JSON has a field "future" that the types do not know, each another value.
func TestPatchKeepsUnknownFields(t *testing.T) {
	for seed := range int64(200) {
		changes := newChanges(seed)
		original := &corev1.Pod{}
		changes.fill.Fill(&original.ObjectMeta)
		changes.fill.Fill(&original.Spec)
		document, err := decoded(original)
		if err != nil {
			t.Fatal(err)
		}
		marked := 0
		mark(document, reflect.TypeFor[corev1.Pod](), &marked)
		raw := encoded(t, document)
		before := decodePod(t, raw)
		after := before.DeepCopy()
		changes.change(reflect.ValueOf(&after.ObjectMeta).Elem())
		changes.change(reflect.ValueOf(&after.Spec).Elem())

		patch, err := Patch(raw, before, after)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		text := encoded(t, patch)
		if again, err := Patch(raw, before, after); err != nil || !bytes.Equal(text, encoded(t, again)) {
			t.Fatalf("seed %d: another patch the second time: %s\n%s", seed, text, encoded(t, again))
		}
		patched, err := apply(patch, raw)
		if err != nil {
			t.Fatalf("seed %d: cannot apply %s: %v", seed, text, err)
		}
		if diff := cmp.Diff(string(encoded(t, after)), string(encoded(t, decodePod(t, patched)))); diff != "" {
			t.Fatalf("seed %d: %s: -after +patched:\n%s", seed, text, diff)
		}
		var got any
		if err := json.Unmarshal(patched, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &document); err != nil {
			t.Fatal(err)
		}
		k := keeper{}
		k.object("", document, got, reflect.TypeFor[corev1.Pod]())
		if len(k.faults) > 0 {
			t.Fatalf("seed %d: %s\npatch %s", seed, strings.Join(k.faults, "\n"), text)
		}
		for n := range marked {
			if times := bytes.Count(patched, fmt.Appendf(nil, `"future":"%d"`, n)); times > 1 {
				t.Fatalf("seed %d: the unknown field %d is there %d times", seed, n, times)
			}
		}
	}
}

func decodePod(t *testing.T, raw []byte) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := json.Unmarshal(raw, pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// changes fills and changes values of any type, with texts from a small
// alphabet so that keys meet.
type changes struct {
	*rand.Rand
	fill *randfill.Filler
}

func newChanges(seed int64) changes {
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	fill := randfill.NewWithSeed(seed).NilChance(0.6).NumElements(1, 4).MaxDepth(14).Funcs(
		func(text *string, c randfill.Continue) { *text = string(rune('a' + c.Intn(6))) },
		func(uid *types.UID, c randfill.Continue) { *uid = types.UID(rune('a' + c.Intn(6))) },
		func(n *int32, c randfill.Continue) { *n = int32(c.Intn(4)) },
		func(n *int64, c randfill.Continue) { *n = int64(c.Intn(4)) },
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(int64(c.Intn(3)), resource.DecimalSI)
		},
		func(v *intstr.IntOrString, c randfill.Continue) { *v = intstr.FromInt32(int32(c.Intn(3))) },
		func(v *metav1.Time, c randfill.Continue) { *v = metav1.Unix(int64(c.Intn(3)), 0) },
		func(v *metav1.FieldsV1, _ randfill.Continue) { v.SetRawString("{}") },
	)
	return changes{random, fill}
}

func (c changes) change(value reflect.Value) {
	switch {
	case encodesItself(value) || c.IntN(12) == 0 && value.Kind() != reflect.Struct:
		c.fill.Fill(value.Addr().Interface())
	case value.Kind() == reflect.Struct:
		for _, member := range value.Fields() {
			if c.IntN(3) == 0 {
				c.change(member)
			}
		}
	case value.Kind() == reflect.Pointer && !value.IsNil():
		c.change(value.Elem())
	case value.Kind() == reflect.Slice:
		c.changeList(value)
	}
}

func (c changes) changeList(list reflect.Value) {
	item := reflect.New(list.Type().Elem()).Elem()
	c.fill.Fill(item.Addr().Interface())
	at := c.IntN(list.Len() + 1)
	switch {
	case c.IntN(2) == 0: // insert
		longer := reflect.AppendSlice(reflect.MakeSlice(list.Type(), 0, list.Len()+1), list.Slice(0, at))
		list.Set(reflect.AppendSlice(reflect.Append(longer, item), list.Slice(at, list.Len())))
	case at < list.Len() && c.IntN(2) == 0: // remove
		list.Set(reflect.AppendSlice(list.Slice3(0, at, at), list.Slice(at+1, list.Len())))
	default:
		c.Shuffle(list.Len(), reflect.Swapper(list.Interface()))
	}
	for i := range list.Len() {
		if c.IntN(3) == 0 {
			c.change(list.Index(i))
		}
	}
}

// members calls do for the fields of an object of a type, those of its embedded
// objects included.
func members(object reflect.Type, do func(name string, field reflect.StructField)) {
	for field := range object.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			members(field.Type, do)
		} else {
			do(name, field)
		}
	}
}

// shape is the type of an object, or of the items of a list; nil for others,
// such as maps, where nothing is unknown.
func shape(of reflect.Type) reflect.Type {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || encodesItself(reflect.New(of).Elem()) {
		return nil
	}
	return of
}

// mark adds the field "future" to each object below value.
func mark(value any, of reflect.Type, n *int) {
	if of = shape(of); of == nil {
		return
	}
	switch value := value.(type) {
	case map[string]any:
		value["future"] = fmt.Sprint(*n)
		*n++
		members(of, func(name string, field reflect.StructField) { mark(value[name], field.Type, n) })
	case []any:
		for _, item := range value {
			mark(item, of, n)
		}
	}
}

// keeper compares what became of unknown fields with what must.
type keeper struct{ faults []string }

func (k *keeper) object(path string, before, after any, of reflect.Type) {
	b, hadObject := before.(map[string]any)
	a, hasObject := after.(map[string]any)
	if of = shape(of); of == nil || !hadObject || !hasObject {
		return
	}
	if b["future"] != a["future"] {
		k.faults = append(k.faults, fmt.Sprintf("%s: unknown field was %v, is %v", path, b["future"], a["future"]))
	}
	members(of, func(name string, field reflect.StructField) {
		if field.Type.Kind() == reflect.Slice {
			k.list(path+"/"+name, b[name], a[name], field)
		} else {
			k.object(path+"/"+name, b[name], a[name], field.Type)
		}
	})
}

func (k *keeper) list(path string, before, after any, field reflect.StructField) {
	had, _ := before.([]any)
	has, _ := after.([]any)
	if shape(field.Type) == nil {
		return
	}
	key := field.Tag.Get("patchMergeKey")
	itemsBefore, unique := byKey(had, key)
	if itemsAfter, alsoUnique := byKey(has, key); unique && alsoUnique {
		for name, item := range itemsAfter {
			if was, wasThere := itemsBefore[name]; wasThere {
				k.object(path+"/"+name, was, item, field.Type)
			} else if strings.Contains(fmt.Sprint(item), "future") {
				k.faults = append(k.faults, path+"/"+name+": a new item has fields of another one")
			}
		}
		return
	}
	equalBefore, equalAfter := byContent(had), byContent(has)
	for content, items := range equalAfter {
		for i, item := range items[:min(len(items), len(equalBefore[content]))] {
			k.object(path+"/"+content, equalBefore[content][i], item, field.Type)
		}
	}
}

func byKey(list []any, key string) (items map[string]any, unique bool) {
	items = map[string]any{}
	for _, item := range list {
		items[fmt.Sprint(item.(map[string]any)[key])] = item
	}
	return items, key != "" && len(items) == len(list)
}

func byContent(list []any) map[string][]any {
	items := map[string][]any{}
	for _, item := range list {
		content := fmt.Sprint(known(item))
		items[content] = append(items[content], item)
	}
	return items
}

// known is value without its unknown fields.
func known(value any) any {
	switch value := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for name, member := range value {
			if name != "future" {
				object[name] = known(member)
			}
		}
		return object
	case []any:
		list := []any{}
		for _, item := range value {
			list = append(list, known(item))
		}
		return list
	}
	return value
}
