package translate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func TestFollow(t *testing.T) {
	id := translate.Identity{UpstreamID: upstreamID, Node: stash.VirtualNode{Name: "east"}}
	cases := map[string]struct {
		reason     string
		upstream   option // what happened upstream since the downstream pod was made
		downstream option // and downstream
		want       option // what the downstream pod is like afterwards; nil: there is nothing to follow
		at         string // the subresource that takes it
	}{
		"nothing-changed": {
			reason: "a downstream pod as it was made needs nothing",
		},
		"label-and-annotation": {
			reason: "labels select and annotations configure, there as here",
			upstream: func(p *corev1.Pod) {
				p.Labels, p.Annotations = map[string]string{"app": "new"}, map[string]string{"note": "new"}
			},
			want: func(p *corev1.Pod) { p.Labels["app"], p.Annotations["note"] = "new", "new" },
		},
		"downstream-additions-stay": {
			reason:     "what others put on the downstream pod is not ours to remove",
			downstream: func(p *corev1.Pod) { p.Labels["theirs"], p.Annotations["theirs"] = "x", "y" },
		},
		"own-annotation-stays-upstream": {
			reason:   "what we tell about the upstream pod is not told downstream",
			upstream: func(p *corev1.Pod) { p.Annotations = map[string]string{"spillway.io/downstream-node": "n1"} },
		},
		"image": {
			reason:   "an image follows by container name, beside containers that downstream added",
			upstream: func(p *corev1.Pod) { p.Generation, p.Spec.Containers[0].Image = 2, "app:2" },
			downstream: func(p *corev1.Pod) {
				p.Spec.Containers = append([]corev1.Container{{Name: "mesh-proxy", Image: "mesh:1"}}, p.Spec.Containers...)
			},
			want: func(p *corev1.Pod) { p.Spec.Containers[1].Image = "app:2" },
		},
		"image-rewritten-downstream": {
			reason:     "an image that downstream admission rewrites is not fought over while upstream did not change",
			downstream: func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mirror.example/app:1" },
		},
		"image-already-observed": {
			reason: "nor after a change that was passed on and observed",
			upstream: func(p *corev1.Pod) {
				p.Generation, p.Status.ObservedGeneration, p.Spec.Containers[0].Image = 2, 2, "app:2"
			},
			downstream: func(p *corev1.Pod) { p.Spec.Containers[0].Image = "mirror.example/app:2" },
		},
		"deadline": {
			reason:   "a deadline follows",
			upstream: func(p *corev1.Pod) { p.Generation, p.Spec.ActiveDeadlineSeconds = 2, new(int64(60)) },
			want:     func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = new(int64(60)) },
		},
		"access-stays": {
			reason:   "what a pod has access to is decided when it is made",
			upstream: func(p *corev1.Pod) { p.Annotations = map[string]string{"spillway.io/api-access": "downstream"} },
		},
		"ephemeral-container": {
			reason: "a new ephemeral container follows as it would have been made, whatever was observed",
			upstream: func(p *corev1.Pod) {
				p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, debugger("one"), debugger("two"))
			},
			downstream: func(p *corev1.Pod) { p.Spec.EphemeralContainers = []corev1.EphemeralContainer{debugger("one")} },
			want: func(p *corev1.Pod) {
				two := debugger("two")
				two.Env = []corev1.EnvVar{{Name: "UID", Value: "up"}}
				two.VolumeMounts = two.VolumeMounts[1:]
				// Where a patch of that kind adds to a list is not ours to say.
				p.Spec.EphemeralContainers = append([]corev1.EphemeralContainer{two}, p.Spec.EphemeralContainers...)
			},
			at: "ephemeralcontainers",
		},
		"ephemeral-container-too-late": {
			reason:     "a pod that is over takes no more containers",
			upstream:   func(p *corev1.Pod) { p.Spec.EphemeralContainers = []corev1.EphemeralContainer{debugger("one")} },
			downstream: func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded },
		},
		"resize": {
			reason:     "resources follow by container name, and defaults that downstream added stay",
			upstream:   func(p *corev1.Pod) { p.Generation = 2; request(p, "cpu", "2") },
			downstream: func(p *corev1.Pod) { request(p, "memory", "1Gi") },
			want:       func(p *corev1.Pod) { request(p, "cpu", "2") },
			at:         "resize",
		},
		"resize-of-a-pod": {
			reason: "resources of the pod as a whole follow too",
			upstream: func(p *corev1.Pod) {
				p.Generation, p.Spec.Resources = 2, &corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": resource.MustParse("3")}}
			},
			downstream: func(p *corev1.Pod) {
				p.Spec.Resources = &corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": resource.MustParse("2")}}
			},
			want: func(p *corev1.Pod) { p.Spec.Resources.Limits["cpu"] = resource.MustParse("3") },
			at:   "resize",
		},
		"resize-in-other-words": {
			reason:     "the same quantity is no change",
			upstream:   func(p *corev1.Pod) { p.Generation = 2; request(p, "cpu", "2") },
			downstream: func(p *corev1.Pod) { request(p, "cpu", "2000m") },
		},
		"resize-rewritten-downstream": {
			reason:     "resources that downstream admission gives are not fought over",
			downstream: func(p *corev1.Pod) { request(p, "cpu", "4") },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			upstream := pod(containers("app"), generation(1))
			upstream.UID = "up"
			upstream.Spec.Volumes = []corev1.Volume{admittedToken()}
			downstream, _, err := translate.Pod(upstream, translate.Rules{Identity: id}, translate.Facts{})
			if err != nil {
				t.Fatal(err)
			}
			downstream.UID = "down"
			for change, to := range map[*option]*corev1.Pod{&tc.upstream: upstream, &tc.downstream: downstream} {
				if *change != nil {
					(*change)(to)
				}
			}
			change := translate.Follow(upstream, downstream, translate.Rules{Identity: id})
			if tc.want == nil {
				if change != nil {
					t.Errorf("%s: Follow() = %+v, want nothing", tc.reason, change)
				}
				return
			}
			if change == nil {
				t.Fatalf("%s: Follow() found nothing", tc.reason)
			}
			got, at := patched(t, downstream, change)
			if diff := cmp.Diff([]string{tc.at}, at); diff != "" {
				t.Errorf("%s: the patches are for: -want +got:\n%s", tc.reason, diff)
			}
			if (tc.at != "") && !change.ChangesSpec() {
				t.Errorf("%s: a change of the spec that is none", tc.reason)
			}
			want := downstream.DeepCopy()
			tc.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: the patched downstream pod: -want +got:\n%s", tc.reason, diff)
			}
			if again := translate.Follow(upstream, got, translate.Rules{Identity: id}); again != nil {
				t.Errorf("Follow() of a pod that was patched = %+v, want nothing", again)
			}
		})
	}
}

func request(p *corev1.Pod, name corev1.ResourceName, quantity string) {
	p.Spec.Containers[0].Resources.Requests[name] = resource.MustParse(quantity)
}

func debugger(name string) corev1.EphemeralContainer {
	return corev1.EphemeralContainer{
		TargetContainerName: "app",
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: name, Image: "debug",
			Env:          []corev1.EnvVar{{Name: "UID", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.uid"}}}},
			VolumeMounts: []corev1.VolumeMount{{Name: "kube-api-access-x", MountPath: "/token"}, {Name: "data", MountPath: "/data"}},
		},
	}
}

// admittedToken is the volume that upstream admission adds.
func admittedToken() corev1.Volume {
	root := corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}}
	return corev1.Volume{Name: "kube-api-access-x", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}, {ConfigMap: &root}},
	}}}
}

// patched applies the change as the API server does, and says where.
func patched(t *testing.T, downstream *corev1.Pod, change *translate.Change) (got *corev1.Pod, subresources []string) {
	t.Helper()
	patches, err := change.Patches()
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range patches {
		subresources = append(subresources, patch.Subresource)
		before, err := json.Marshal(downstream)
		if err != nil {
			t.Fatal(err)
		}
		after, err := strategicpatch.StrategicMergePatch(before, patch.Body, corev1.Pod{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(patch.Body), `"metadata":{"uid":"down"`) {
			t.Errorf("patch %s of %q names no UID", patch.Body, patch.Subresource)
		}
		downstream = &corev1.Pod{}
		if err := json.Unmarshal(after, downstream); err != nil {
			t.Fatal(err)
		}
	}
	return downstream, subresources
}
