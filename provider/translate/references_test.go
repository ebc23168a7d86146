package translate_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// TestReferencesAreComplete compares with a search through every field of random
// pods for what has the type, or the name, of a reference.
func TestReferencesAreComplete(t *testing.T) {
	everyWorld(t, func(t *testing.T, upstream *corev1.Pod, rules translate.Rules, _ translate.Facts) {
		s := search{found: map[string]bool{}}
		s.in(reflect.ValueOf(upstream.Spec), "spec", nil)
		for _, problem := range s.unknown {
			t.Error(problem)
		}
		mode := rules.Access.Modes[0]
		if mode != translate.AccessUpstream {
			delete(s.found, "ConfigMap/kube-root-ca.crt")
		}
		got := map[string]bool{}
		for _, r := range translate.References(upstream, rules) {
			got[string(r.Kind)+"/"+r.Name] = true
			if root := r.Kind == translate.ConfigMap && r.Name == "kube-root-ca.crt"; root != (r.Downstream == rootCA) || (!root && r.Downstream != r.Name) {
				t.Errorf("%s %s is %s downstream", r.Kind, r.Name, r.Downstream)
			}
		}
		if diff := cmp.Diff(s.found, got); diff != "" {
			t.Errorf("References(): -found in the spec +got:\n%s", diff)
		}
	})
}

// TestTwinFindsWhatItRefersTo: each reference of a downstream pod is to the copy of
// one of its upstream pod's, or to its tokens.
func TestTwinFindsWhatItRefersTo(t *testing.T) {
	everyWorld(t, func(t *testing.T, upstream *corev1.Pod, rules translate.Rules, facts translate.Facts) {
		downstream, _, err := translate.Pod(upstream, rules, facts)
		if err != nil {
			t.Fatal(err)
		}
		copies := []string{}
		for _, r := range translate.References(upstream, rules) {
			copies = append(copies, string(r.Kind)+"/"+r.Downstream)
		}
		tokens := translate.Tokens(upstream, rules)
		for _, r := range translate.References(downstream, rules.MadeFor(downstream)) {
			if r.Kind != translate.Secret || r.Name != translate.TokenSecret(upstream) {
				if !slices.Contains(copies, string(r.Kind)+"/"+r.Name) {
					t.Errorf("%s %s is nobody's copy", r.Kind, r.Name)
				}
				continue
			}
			var keys []string
			for _, token := range tokens {
				keys = append(keys, token.Key)
			}
			slices.Sort(keys)
			if diff := cmp.Diff(keys, r.Keys); diff != "" {
				t.Errorf("keys of the tokens: -promised +used:\n%s", diff)
			}
		}
		if left := translate.Tokens(downstream, rules.MadeFor(downstream)); len(left) > 0 {
			t.Errorf("the downstream pod still projects %v", left)
		}
	})
}

func TestReferences(t *testing.T) {
	secret := func(optional *bool, keys ...string) corev1.Volume {
		source := &corev1.SecretVolumeSource{SecretName: "s", Optional: optional}
		for _, key := range keys {
			source.Items = append(source.Items, corev1.KeyToPath{Key: key, Path: key})
		}
		return corev1.Volume{VolumeSource: corev1.VolumeSource{Secret: source}}
	}
	cases := map[string]struct {
		reason  string
		volumes []corev1.Volume
		want    []translate.Reference
	}{
		"none": {reason: "a pod may need nothing", want: []translate.Reference{}},
		"optional-twice": {
			reason:  "what is optional each time is optional, and so are its keys",
			volumes: []corev1.Volume{secret(new(true), "a"), secret(new(true))},
			want:    []translate.Reference{{Kind: translate.Secret, Name: "s", Downstream: "s", Optional: true}},
		},
		"optional-once": {
			reason:  "needed once, it is needed; a key counts only where it is",
			volumes: []corev1.Volume{secret(new(true), "a"), secret(new(false), "c", "b"), secret(nil, "b")},
			want:    []translate.Reference{{Kind: translate.Secret, Name: "s", Downstream: "s", Keys: []string{"b", "c"}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			upstream := &corev1.Pod{Spec: corev1.PodSpec{Volumes: tc.volumes}}
			if diff := cmp.Diff(tc.want, translate.References(upstream, translate.Rules{})); diff != "" {
				t.Errorf("%s: References(): -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// search finds references by the types and names of fields, knowing nothing of
// what a pod is.
type search struct {
	found   map[string]bool
	unknown []string
}

func (s *search) in(v reflect.Value, path string, parent reflect.Type) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.in(v.Elem(), path, parent)
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.in(v.Index(i), path, parent)
		}
	case reflect.Struct:
		if s.isReference(v, path, parent) {
			return
		}
		for field, value := range v.Fields() {
			if field.IsExported() {
				s.in(value, path+"."+field.Name, v.Type())
			}
		}
	case reflect.String:
		s.text(v.String(), path)
	default:
	}
}

func (s *search) isReference(v reflect.Value, path string, parent reflect.Type) bool {
	switch ref := v.Interface().(type) {
	case corev1.LocalObjectReference:
		subject := path + " " + parent.Name()
		switch {
		case strings.Contains(subject, "Secret"):
			s.add(translate.Secret, ref.Name)
		case strings.Contains(subject, "ConfigMap"):
			s.add(translate.ConfigMap, ref.Name)
		default:
			s.unknown = append(s.unknown, path+": a reference to who knows what")
		}
		return true
	case corev1.TypedLocalObjectReference:
		if ref.Kind == "PersistentVolumeClaim" && (ref.APIGroup == nil || *ref.APIGroup == "") {
			s.add(translate.Claim, ref.Name)
		}
		return true
	case corev1.TypedObjectReference:
		if ref.Kind == "PersistentVolumeClaim" && (ref.APIGroup == nil || *ref.APIGroup == "") && (ref.Namespace == nil || *ref.Namespace == "") {
			s.add(translate.Claim, ref.Name)
		}
		return true
	default:
		return false
	}
}

func (s *search) text(value, path string) {
	field := path[strings.LastIndex(path, ".")+1:]
	switch field {
	case "SecretName":
		s.add(translate.Secret, value)
	case "ClaimName":
		s.add(translate.Claim, value)
	case "ResourceClaimName", "ResourceClaimTemplateName":
		// Downstream's own, see the verdict of spec.resourceClaims.
	case "SecretFile":
		// A file of the host.
	default:
		for _, word := range []string{"Secret", "ConfigMap", "Claim"} {
			if strings.Contains(field, word) {
				s.unknown = append(s.unknown, fmt.Sprintf("%s: it may name a %s", path, word))
			}
		}
	}
}

func (s *search) add(kind translate.Kind, name string) {
	if name != "" {
		s.found[string(kind)+"/"+name] = true
	}
}
