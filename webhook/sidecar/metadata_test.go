package sidecar

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
)

// TestMergeJSON: the examples of RFC 7396, as far as both are objects, and what
// it says nothing about: how values are written.
func TestMergeJSON(t *testing.T) {
	cases := map[string]struct{ target, patch, want string }{
		"replace":          {`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		"add":              {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		"delete":           {`{"a":"b"}`, `{"a":null}`, `{}`},
		"delete-one":       {`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		"list-by-text":     {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		"text-by-list":     {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		"deep":             {`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		"list-of-objects":  {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		"null-stays":       {`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		"object-by-object": {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		"into-nothing":     {``, `{ "b": 1, "a": 2 }`, `{ "b": 1, "a": 2 }`},
		"nulls-to-nothing": {``, `{"a":null,"b":{"c":null}}`, `{"b":{}}`},
		"big-numbers":      {`{"n":123456789012345678901234567890}`, `{"m":1e999}`, `{"m":1e999,"n":123456789012345678901234567890}`},
		"other-digits":     {`{"n":1.0}`, `{"n":1.00}`, `{"n":1.00}`},
		"nothing-to-do":    {`{"b" : [1,2], "a":{"x":1}}`, `{"a":{"x":1,"gone":null}}`, `{"b" : [1,2], "a":{"x":1}}`},
		"text":             {`hello`, `{"a":1}`, ""},
		"list":             {`[1]`, `{"a":1}`, ""},
		"null":             {`null`, `{"a":1}`, ""},
		"number":           {`1`, `{"a":1}`, ""},
		"two":              {`{} {}`, `{"a":1}`, ""},
		"one-brace-more":   {`{}}`, `{"a":1}`, ""},
		"patch-is-text":    {`{}`, `hello`, ""},
		"patch-is-list":    {`{}`, `[]`, ""},
		"patch-is-cut":     {`{}`, `{"a":`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := mergeJSON(tc.target, tc.patch)
			if (err != nil) != (tc.want == "") || err == nil && got != tc.want {
				t.Fatalf("%s and %s: got %s (%v), want %s", tc.target, tc.patch, got, err, tc.want)
			}
			if again, err := mergeJSON(got, tc.patch); tc.want != "" && (err != nil || again != got) {
				t.Errorf("merged again: %s (%v), want %s", again, err, got)
			}
		})
	}
}

// TestPatchMetadata: also of pods that run, of which nothing is retained.
func TestPatchMetadata(t *testing.T) {
	type annotations = map[string]string
	patch := func(policy v1alpha1.SidecarSetPatchPolicyType, key, value string) v1alpha1.SidecarSetPatchPodMetadata {
		return v1alpha1.SidecarSetPatchPodMetadata{PatchPolicy: policy, Annotations: annotations{key: value}}
	}
	cases := map[string]struct {
		had     annotations
		patches []v1alpha1.SidecarSetPatchPodMetadata
		inPlace bool
		want    annotations
	}{
		"nothing":           {had: annotations{"a": "1"}, want: annotations{"a": "1"}},
		"retain-nil":        {patches: []v1alpha1.SidecarSetPatchPodMetadata{patch("Retain", "a", "2")}, want: annotations{"a": "2"}},
		"retain":            {had: annotations{"a": "1"}, patches: []v1alpha1.SidecarSetPatchPodMetadata{patch("Retain", "a", "2")}, want: annotations{"a": "1"}},
		"retain-empty":      {had: annotations{"a": ""}, patches: []v1alpha1.SidecarSetPatchPodMetadata{patch("Retain", "a", "2")}, want: annotations{"a": ""}},
		"retain-running":    {had: annotations{"b": "1"}, patches: []v1alpha1.SidecarSetPatchPodMetadata{patch("Retain", "a", "2")}, inPlace: true, want: annotations{"b": "1"}},
		"overwrite":         {had: annotations{"a": "1"}, patches: []v1alpha1.SidecarSetPatchPodMetadata{patch("Overwrite", "a", "2")}, want: annotations{"a": "2"}},
		"overwrite-running": {had: annotations{"a": "1"}, patches: []v1alpha1.SidecarSetPatchPodMetadata{patch("Overwrite", "a", "2")}, inPlace: true, want: annotations{"a": "2"}},
		"merge-running":     {had: annotations{"a": `{"x":1}`}, patches: []v1alpha1.SidecarSetPatchPodMetadata{patch("MergePatchJson", "a", `{"y":2}`)}, inPlace: true, want: annotations{"a": `{"x":1,"y":2}`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := patchMetadata(tc.had, tc.patches, tc.inPlace)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v, -want +got: %s", err, diff)
			}
			if again, err := patchMetadata(got, tc.patches, tc.inPlace); err != nil || cmp.Diff(got, again) != "" {
				t.Errorf("again: %v, %s", err, cmp.Diff(got, again))
			}
		})
	}
}
