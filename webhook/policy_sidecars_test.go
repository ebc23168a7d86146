package webhook_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// sidecarsAround answer with values or an error.
type sidecarsAround struct {
	others    []v1alpha1.SidecarSet
	whitelist string
	malformed []string
	revisions []*appsv1.ControllerRevision
	err       error
	panics    bool
}

func (s sidecarsAround) SidecarSets(context.Context) ([]v1alpha1.SidecarSet, error) {
	if s.panics {
		panic("a bug")
	}
	return s.others, s.err
}

func (s sidecarsAround) Whitelist(context.Context) (sidecar.Whitelist, []string, error) {
	whitelist, err := sidecar.ParseWhitelist(s.whitelist)
	return whitelist, s.malformed, errors.Join(err, s.err)
}

func (s sidecarsAround) Revisions(context.Context, string) ([]*appsv1.ControllerRevision, error) {
	return s.revisions, s.err
}

// setReview is the AdmissionReview for the creation of a SidecarSet, or for its
// update if there is an old one.
func setReview(t testing.TB, set, old string) []byte {
	t.Helper()
	return review(t, set, func(r *admissionv1.AdmissionRequest) {
		asSet(r)
		r.Namespace = ""
		if old != "" {
			r.Operation = admissionv1.Update
			r.OldObject = runtime.RawExtension{Raw: []byte(old)}
		}
	})
}

func asSet(r *admissionv1.AdmissionRequest) {
	r.Resource = metav1.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "sidecarsets"}
}

func TestSidecarSetValidator(t *testing.T) {
	const (
		head  = `{"metadata":{"name":"logs"},"spec":{"selector":{"matchLabels":{"vk":"true"}},`
		agent = `{"name":"agent","image":"agent:1","resources":{"requests":{"cpu":"10m"}}}`
		valid = head + `"containers":[` + agent + `]}}`
		// As newer versions of Kruise know it.
		newer = head + `"containers":[{"name":"agent","image":"agent:1","resourcesPolicy":{},"shareVolumeDevicePolicy":{"type":"enabled"}}],"volumes":[{"name":"v","future":{}}]}}`
		notes = head + `"containers":[` + agent + `],"patchPodMetadata":[{"annotations":{"a":"b"}}]}}`
		pins  = head + `"containers":[` + agent + `],"injectionStrategy":{"revision":{"customVersion":"v1"}}}}`
	)
	other := v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "other"}}
	other.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"vk": "true"}}
	other.Spec.Containers = []v1alpha1.SidecarContainer{{}}
	other.Spec.Containers[0].Name = "agent"
	revision := func(labels map[string]string) []*appsv1.ControllerRevision {
		return []*appsv1.ControllerRevision{{ObjectMeta: metav1.ObjectMeta{Name: "logs-1", Labels: labels}}}
	}
	cases := map[string]struct {
		reason   string
		around   sidecarsAround
		set, old string

		allowed  bool
		code     int32
		message  string
		causes   []string
		warnings []string
	}{
		"valid": {reason: "nothing to say", set: valid, allowed: true, code: 200},
		"invalid": {
			reason: "in the words of API servers", set: head + `"containers":[{"name":"agent"},{"name":"agent","image":"a"}]}}`, code: 422,
			message: `SidecarSet.apps.kruise.io "logs" is invalid: [`,
			causes:  []string{"spec.containers[0].image", "spec.containers[1].name"},
		},
		"newer": {
			reason: "a set that is understood by half is injected by nobody", set: newer, code: 422, message: "this version of Spillway does not know the field",
			causes: []string{"spec.containers[0].resourcesPolicy", "spec.containers[0].shareVolumeDevicePolicy", "spec.volumes[0].future"},
		},
		"newer-unchanged": {reason: "it got in before; finalizers come off", set: strings.Replace(newer, `"name":"logs"`, `"name":"logs","labels":{"a":"b"}`, 1), old: newer, allowed: true, code: 200},
		"newer-changed": {
			reason: "now it is looked at", set: strings.Replace(newer, "agent:1", "agent:2", 1), old: newer, code: 422, message: "does not know the field",
			causes: []string{"spec.containers[0].resourcesPolicy", "spec.containers[0].shareVolumeDevicePolicy", "spec.volumes[0].future"},
		},
		"newer-added": {
			reason: "the types see no difference", set: strings.Replace(valid, `"image"`, `"resourcesPolicy":{},"image"`, 1), old: valid, code: 422, message: "does not know the field",
			causes: []string{"spec.containers[0].resourcesPolicy"},
		},
		"status": {reason: "of no interest", set: strings.TrimSuffix(valid, "}") + `,"status":{"future":1}}`, allowed: true, code: 200},
		"conflict": {
			reason: "others are asked for", around: sidecarsAround{others: []v1alpha1.SidecarSet{other}}, set: valid, code: 422,
			message: `SidecarSet "other" has a container of this name`, causes: []string{"spec.containers[0].name"},
		},
		"not-whitelisted": {
			reason: "administrators decide", set: notes, code: 422,
			message: "add one to the ConfigMap spillway-configuration", causes: []string{"spec.patchPodMetadata[0].annotations[a]"},
		},
		"whitelisted": {reason: "they did", around: sidecarsAround{whitelist: `{"rules":[{"allowedAnnotationKeyExprs":["^a$"]}]}`}, set: notes, allowed: true, code: 200},
		"malformed": {
			reason: "they tried", around: sidecarsAround{malformed: []string{"allows no annotation"}}, set: notes, code: 422,
			message: "no rule allows", causes: []string{"spec.patchPodMetadata[0].annotations[a]"}, warnings: []string{"allows no annotation"},
		},
		"no-revision": {
			reason: "nothing to inject", around: sidecarsAround{revisions: revision(map[string]string{"kruise.io/sidecarset-name": "logs"})}, set: pins, code: 422,
			message: `Not found: "v1"`, causes: []string{"spec.injectionStrategy.revision.customVersion"},
		},
		"no-revision-name": {
			reason: "nothing to inject", around: sidecarsAround{revisions: revision(map[string]string{"kruise.io/sidecarset-name": "other"})},
			set: strings.Replace(pins, `"customVersion":"v1"`, `"revisionName":"logs-1"`, 1), code: 422,
			message: `Not found: "logs-1"`, causes: []string{"spec.injectionStrategy.revision.revisionName"},
		},
		"revision": {
			reason: "it is there", around: sidecarsAround{revisions: revision(map[string]string{"kruise.io/sidecarset-name": "logs", "apps.kruise.io/sidecarset-custom-version": "v1"})},
			set: pins, allowed: true, code: 200,
		},
		"unknown-surroundings": {
			reason: "what cannot be asked does not stand in the way", around: sidecarsAround{err: errors.New("connection refused")}, allowed: true, code: 200,
			set: strings.Replace(notes, `"patchPodMetadata"`, `"injectionStrategy":{"revision":{"revisionName":"a"}},"patchPodMetadata"`, 1),
			warnings: []string{
				"not checked: whether another SidecarSet injects the same into the same pods; the log of Spillway's webhook says why",
				"not checked: whether the set may write its annotations; the log of Spillway's webhook says why",
				"not checked: whether there is the revision to inject; the log of Spillway's webhook says why",
			},
		},
		"in-vain": {
			reason: "legal, and probably not meant", set: head + `"containers":[` + agent + `],"volumes":[{"name":"v"}]}}`, allowed: true, code: 200,
			warnings: []string{`spec.volumes[0]: no container mounts volume "v", and no pod gets it`},
		},
		"update": {
			reason: "pods that run are not changed", old: valid, set: strings.Replace(valid, `"image"`, `"tty":true,"image"`, 1), allowed: true, code: 200,
			warnings: []string{"spec.containers[0].tty: pods that run follow the change when they are created again, and no new image before that"},
		},
		"update-unchanged": {reason: "nothing is asked", around: sidecarsAround{panics: true}, old: valid, set: valid, allowed: true, code: 200},
		"no-set":           {reason: "not even the CRD would let it through", set: `{"spec":[]}`, code: 400, message: "cannot read the SidecarSet of the request"},
		"bug": {
			reason: "a bug of ours is not the user's fault", around: sidecarsAround{panics: true}, set: newer, allowed: true, code: 200,
			warnings: []string{"Spillway failed to judge the object and let it through as it is; its log says why"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			response := ask(t, &webhook.SidecarSetValidator{Known: tc.around}, setReview(t, tc.set, tc.old))
			if response.Allowed != tc.allowed || response.Result.Code != tc.code || !strings.Contains(response.Result.Message, tc.message) {
				t.Errorf("%s: allowed %t, code %d, message %q; want %t, %d, %q", tc.reason, response.Allowed, response.Result.Code, response.Result.Message, tc.allowed, tc.code, tc.message)
			}
			var causes []string
			if details := response.Result.Details; details != nil {
				for _, cause := range details.Causes {
					causes = append(causes, cause.Field)
				}
			}
			if diff := cmp.Diff(tc.causes, causes); diff != "" {
				t.Errorf("%s: fields -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.warnings, response.Warnings); diff != "" {
				t.Errorf("%s: warnings -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSidecarSetDefaulter(t *testing.T) {
	// Everything but the container.
	const rest = `"revisionHistoryLimit":10,"updateStrategy":{"type":"RollingUpdate","partition":0,"maxUnavailable":1}`
	const other = `"podInjectPolicy":"AfterAppContainer","terminationMessagePath":"/a","terminationMessagePolicy":"File","shareVolumePolicy":{"type":"disabled"},"upgradeStrategy":{"upgradeType":"ColdUpgrade"}`
	cases := map[string]struct{ reason, set, old, patch string }{
		"pull-policy": {
			"kubectl apply drops it with every list of containers",
			`{"spec":{` + rest + `,"containers":[{"name":"a","image":"a:latest",` + other + `}]}}`,
			`{"spec":{` + rest + `,"containers":[{"name":"a","image":"a:1","imagePullPolicy":"IfNotPresent",` + other + `}]}}`,
			`[{"op":"add","path":"/spec/containers/0/imagePullPolicy","value":"IfNotPresent"}]`,
		},
		"container": {
			"objects of items are added, and what is not known stays",
			`{"spec":{` + rest + `,"containers":[{"name":"a","image":"a","future":1,"podInjectPolicy":"AfterAppContainer","terminationMessagePath":"/a","terminationMessagePolicy":"File"}]}}`, "",
			`[{"op":"add","path":"/spec/containers/0/imagePullPolicy","value":"Always"},{"op":"add","path":"/spec/containers/0/shareVolumePolicy","value":{}},{"op":"add","path":"/spec/containers/0/shareVolumePolicy/type","value":"disabled"},{"op":"add","path":"/spec/containers/0/upgradeStrategy","value":{}},{"op":"add","path":"/spec/containers/0/upgradeStrategy/upgradeType","value":"ColdUpgrade"}]`,
		},
		"null-object": {
			"null is none", `{"spec":{` + rest + `,"patchPodMetadata":[null]}}`, "",
			`[{"op":"replace","path":"/spec/patchPodMetadata/0","value":{}},{"op":"add","path":"/spec/patchPodMetadata/0/patchPolicy","value":"Retain"}]`,
		},
		"no-spec": {
			"whatever is sent", `{}`, "",
			`[{"op":"add","path":"/spec","value":{}},{"op":"add","path":"/spec/revisionHistoryLimit","value":10},{"op":"add","path":"/spec/updateStrategy","value":{}},{"op":"add","path":"/spec/updateStrategy/maxUnavailable","value":1},{"op":"add","path":"/spec/updateStrategy/partition","value":0},{"op":"add","path":"/spec/updateStrategy/type","value":"RollingUpdate"}]`,
		},
		"given": {"said is said, and no hash is written", `{"spec":{` + rest + `}}`, "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			response := ask(t, webhook.SidecarSetDefaulter{}, setReview(t, tc.set, tc.old))
			if diff := cmp.Diff(tc.patch, string(response.Patch)); !response.Allowed || diff != "" {
				t.Errorf("%s: allowed %t, patch -want +got:\n%s", tc.reason, response.Allowed, diff)
			}
		})
	}
}

func TestSidecarHandlersAreAboutWritesOfSidecarSets(t *testing.T) {
	for name, change := range map[string]func(*admissionv1.AdmissionRequest){
		"pods":        func(*admissionv1.AdmissionRequest) {},
		"other-group": func(r *admissionv1.AdmissionRequest) { r.Resource.Resource = "sidecarsets" },
		"status":      func(r *admissionv1.AdmissionRequest) { asSet(r); r.SubResource = "status" },
		"delete":      func(r *admissionv1.AdmissionRequest) { asSet(r); r.Operation = admissionv1.Delete },
		"spreads":     asSpread,
	} {
		t.Run(name, func(t *testing.T) {
			for _, handler := range []admission.Handler{webhook.SidecarSetDefaulter{}, &webhook.SidecarSetValidator{}} {
				if response := ask(t, handler, review(t, `{"spec":{}}`, change)); !response.Allowed || response.Patch != nil || response.Warnings != nil {
					t.Errorf("%T: allowed %t, patch %s, warnings %q; want it allowed without a word", handler, response.Allowed, response.Patch, response.Warnings)
				}
			}
		})
	}
}
