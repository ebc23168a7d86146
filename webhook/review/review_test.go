package review

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
)

// written are pods as they may come; mutations of their bytes are what may not.
var written = []string{ //nolint:gochecknoglobals // what two tests and a fuzz test begin with
	`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","labels":{"virtual-pod":"true"},"managedFields":[{"manager":"m","time":"2026-11-21T02:25:21Z","fieldsV1":{"f:a":{}}}]},"spec":{"nodeSelector":{"a":"b"},"containers":[{"name":"a","resources":{"limits":{"cpu":"1"}}}]},"status":{"phase":"Failed"}}`,
	`{"spec":{"containers":[{"name":"\u0061"}],"priority":-1,"future":1.5e+3},"metadata":{"generateName":"b-","annotations":{"a":"\"{}\\"}}}`,
	` { "metadata" : { } , "spec" : null } `,
	`{"metadata":null,"spec":{}}`,
	`{"spec":{"nodeName":"a"},"spec":{"hostname":"b"}}`,
	`{"spec":{"nodeName":"a"},"sp\u0065c":{"nodeName":"b"}}`,
	`{"Spec":{"nodeName":"a"},"metadata":{"managedFields":[],"managedFields":null,"future":true}}`,
	`{"metadata":{"labels":["virtual-pod"]},"spec":{}}`,
	`{"metadata":{},"spec":{"containers":{}}}`,
	`{"metadata":{},"spec":{"affinity":{"future":1}}}`,
	`{}`, `[]`, `null`, ``, `{`, `{"spec":`, `{"a":1,}`, `{"spec":{}}{}`, `"a"`, `01`, `1.`, `-`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `[1,]`,
}

// TestPod: what is read in parts is what is read as a whole, and so are errors.
func TestPod(t *testing.T) {
	for _, text := range written {
		t.Run(text, func(t *testing.T) { comparePod(t, []byte(text)) })
	}
}

// FuzzPod: also where nobody has thought of it. Without -fuzz it tries some thousand
// mutations.
func FuzzPod(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, text := range written {
		f.Add([]byte(text))
		for range 200 {
			f.Add(mutation(random, []byte(text)))
		}
	}
	f.Fuzz(comparePod)
}

// mutation changes some bytes of a text, or moves them.
func mutation(random *rand.Rand, text []byte) []byte {
	const characters = `{}[]":,\ aue0-.1` + "\n"
	mutated := append([]byte(nil), text...)
	for range 1 + random.IntN(3) {
		if len(mutated) == 0 {
			break
		}
		i := random.IntN(len(mutated))
		switch random.IntN(3) {
		case 0:
			mutated[i] = characters[random.IntN(len(characters))]
		case 1:
			mutated = append(mutated[:i], mutated[i+1:]...)
		default:
			mutated = append(mutated[:i], append([]byte{characters[random.IntN(len(characters))]}, mutated[i:]...)...)
		}
	}
	return mutated
}

func comparePod(t *testing.T, raw []byte) {
	want := &corev1.Pod{}
	wantUnknown, wantErr := kjson.UnmarshalStrict(raw, want)
	_, isJSON := value(raw, space(raw, 0), 0)
	if valid := json.Valid(raw); valid && !isJSON {
		t.Errorf("%s is JSON, and not taken for it", raw)
	}
	got, err := ReadHead(raw)
	var unknown []error
	if err == nil {
		unknown, err = got.Read()
	}
	if wantErr != nil {
		// Nobody reads managed fields.
		if inManaged := strings.Contains(wantErr.Error(), "managedFields") || strings.Contains(wantErr.Error(), "parsing time"); err == nil && !inManaged {
			t.Fatalf("%s: no error, want %v", raw, wantErr)
		}
		if err != nil && err.Error() != "cannot read the pod of the request: "+wantErr.Error() {
			t.Fatalf("%s: error %v, want %v", raw, err, wantErr)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	want.ManagedFields, got.Head.ManagedFields = nil, nil
	if diff := cmp.Diff(want, got.Head); diff != "" {
		t.Errorf("%s: -want +got:\n%s", raw, diff)
	}
	if diff := cmp.Diff(inSpec(wantUnknown), inSpec(unknown)); diff != "" {
		t.Errorf("%s: unknown fields: -want +got:\n%s", raw, diff)
	}
}

// inSpec are those that somebody looks at.
func inSpec(unknown []error) (texts []string) {
	for _, err := range unknown {
		if strings.Contains(err.Error(), `"spec.`) {
			texts = append(texts, err.Error())
		}
	}
	return texts
}

// TestRequest: what is understood is what the decoder of Kubernetes understands.
func TestRequest(t *testing.T) {
	const begin, rest = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1",`, `"uid":"1","resource":{"version":"v1","resource":"pods"},"namespace":"a","operation":"CREATE","dryRun":true`
	cases := map[string]struct {
		reason, body string
		ok           bool
	}{
		"usual":         {"as API servers write it", begin + `"request":{` + rest + `,"object":{"a":"{"},"oldObject":null}}`, true},
		"object first":  {"order says nothing", begin + `"request":{"object":{"object":{}},` + rest + `}}`, true},
		"spaces":        {"nor do spaces", " " + begin + "\n" + `"request" : { "object" : {} , ` + rest + ` } } `, true},
		"no object":     {"as of a deletion", begin + `"request":{` + rest + `}}`, false},
		"no request":    {"an answer", begin + `"response":{}}`, false},
		"twice":         {"the decoder merges them", begin + `"request":{"object":{},"object":{"a":1},` + rest + `}}`, false},
		"two requests":  {"the decoder merges them", begin + `"request":{` + rest + `},"request":{"object":{}}}`, false},
		"escaped":       {"could be the object once more", begin + `"request":{"object":{},"obj\u0065ct":{"a":1},` + rest + `}}`, false},
		"other version": {"has an answer of its version", strings.Replace(begin, "/v1", "/v1beta1", 1) + `"request":{` + rest + `,"object":{}}}`, false},
		"not JSON":      {"the object is not closed", begin + `"request":{` + rest + `,"object":{"a":}}}`, false},
		"wrong type":    {"the decoder says which", begin + `"request":{` + strings.Replace(rest, `"a"`, `1`, 1) + `,"object":{}}}`, false},
		"more behind":   {"is no JSON", begin + `"request":{` + rest + `,"object":{}}}}`, false},
		"nothing":       {"no body", ``, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := Request([]byte(tc.body))
			if ok != tc.ok {
				t.Fatalf("%s: ok %t", tc.reason, ok)
			}
			if !ok {
				return
			}
			var want admissionv1.AdmissionReview
			if err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(tc.body), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Request, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
