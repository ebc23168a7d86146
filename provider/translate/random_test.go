package translate_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// pods is how many random pods a law is tried with. With -short they are fewer.
func pods() int64 {
	if testing.Short() {
		return 20
	}
	return 40
}

// newFiller fills values of all types of a pod: each field in turn, with texts
// from a small alphabet, so that they meet what translation looks for.
func newFiller(seed int64) *randfill.Filler { return likely(randfill.NewWithSeed(seed)) }

func likely(filler *randfill.Filler) *randfill.Filler {
	return filler.NilChance(0.4).NumElements(1, 3).MaxDepth(20).Funcs(
		func(s *string, c randfill.Continue) { *s = word(c, "a", "b", "c", "x", "y", "system-z") },
		func(n *int32, c randfill.Continue) { *n = int32(c.Intn(4)) },
		func(n *int64, c randfill.Continue) { *n = int64(c.Intn(4)) },
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(int64(c.Intn(3)), resource.DecimalSI)
		},
		func(v *intstr.IntOrString, c randfill.Continue) { *v = intstr.FromInt32(int32(c.Intn(3))) },
		func(v *metav1.Time, c randfill.Continue) { *v = metav1.Unix(int64(c.Intn(9)), 0) },
		func(v *metav1.FieldsV1, _ randfill.Continue) { v.SetRawString("{}") },
		func(uid *types.UID, c randfill.Continue) { *uid = types.UID(word(c, "u-1", "u-2")) },
		func(o *corev1.NodeSelectorOperator, _ randfill.Continue) { *o = corev1.NodeSelectorOpIn },
		func(f *corev1.ObjectFieldSelector, c randfill.Continue) {
			f.FieldPath = word(c, "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP")
		},
		func(r *corev1.LocalObjectReference, c randfill.Continue) {
			r.Name = word(c, "kube-root-ca.crt", "settings", "a", "")
		},
		func(r *corev1.TypedLocalObjectReference, c randfill.Continue) {
			r.Kind, r.Name = word(c, "PersistentVolumeClaim", "VolumeSnapshot"), word(c, "clone-a", "clone-b")
		},
		func(r *corev1.TypedObjectReference, c randfill.Continue) {
			r.Kind, r.Name = word(c, "PersistentVolumeClaim", "VolumeSnapshot"), word(c, "clone-c", "clone-d")
			if c.Intn(3) == 0 {
				r.Namespace = new(word(c, "a", "b"))
			}
		},
		func(v *corev1.EphemeralVolumeSource, c randfill.Continue) {
			v.VolumeClaimTemplate = &corev1.PersistentVolumeClaimTemplate{}
			c.Fill(v.VolumeClaimTemplate)
		},
		func(v *corev1.EnvVarSource, c randfill.Continue) {
			one(c, &v.FieldRef, &v.ResourceFieldRef, &v.ConfigMapKeyRef, &v.SecretKeyRef, &v.FileKeyRef)
		},
		func(v *corev1.EnvVar, c randfill.Continue) {
			v.Name = word(c, "A", "KUBERNETES_SERVICE_HOST", "KUBERNETES_PORT")
			c.Fill(&v.ValueFrom)
		},
		func(v *corev1.VolumeProjection, c randfill.Continue) {
			one(c, &v.Secret, &v.DownwardAPI, &v.ConfigMap, &v.ServiceAccountToken, &v.ClusterTrustBundle, &v.PodCertificate)
		},
	)
}

// word is one of several words.
func word(c randfill.Continue, words ...string) string { return words[c.Intn(len(words))] }

// one fills one of several pointers.
func one(c randfill.Continue, pointers ...any) {
	c.Fill(pointers[c.Intn(len(pointers))])
}

// randomPod is a pod whose lists have names where the API demands different ones.
func randomPod(seed int64) *corev1.Pod {
	return filledPod(newFiller(seed), types.UID(fmt.Sprintf("uid-%d", seed)))
}

func filledPod(filler *randfill.Filler, uid types.UID) *corev1.Pod {
	pod := &corev1.Pod{}
	filler.Fill(&pod.ObjectMeta)
	filler.Fill(&pod.Spec)
	filler.Fill(&pod.Status)
	pod.Namespace, pod.Name, pod.UID = "shop", "web", uid
	for i := range pod.Spec.Volumes {
		pod.Spec.Volumes[i].Name = fmt.Sprintf("volume-%d", i)
	}
	for i := range pod.Spec.InitContainers {
		pod.Spec.InitContainers[i].Name = fmt.Sprintf("init-%d", i)
	}
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].Name = fmt.Sprintf("app-%d", i)
	}
	for i := range pod.Spec.EphemeralContainers {
		pod.Spec.EphemeralContainers[i].Name = fmt.Sprintf("debug-%d", i)
	}
	return pod
}

// randomRules are complete: every map has something that random pods name.
func randomRules(mode translate.AccessMode, namespaces translate.Namespaces) translate.Rules {
	return translate.Rules{
		Identity: translate.Identity{
			UpstreamID: upstreamID, Namespaces: namespaces,
			Node: stash.VirtualNode{Name: "east", RoutingKeys: stash.DefaultRoutingKeys()},
		},
		SchedulerNames: map[string]string{"a": "special"},
		RuntimeClasses: map[string]string{"a": "sandboxed", "b": ""},
		StorageClasses: map[string]string{"a": "fast", "b": ""},
		Access:         translate.Access{Modes: []translate.AccessMode{mode}, Host: "192.0.2.1", Port: "6443"},
	}
}

// everyWorld calls do for random pods in every mode, in namespaces of the same and
// of other names.
func everyWorld(t *testing.T, do func(t *testing.T, upstream *corev1.Pod, rules translate.Rules, facts translate.Facts)) {
	t.Helper()
	for _, mode := range []translate.AccessMode{translate.AccessUpstream, translate.AccessDownstream, translate.AccessNone} {
		t.Run(string(mode), func(t *testing.T) {
			for seed := range pods() {
				upstream := randomPod(seed)
				delete(upstream.Annotations, api.APIAccessAnnotation)
				namespaces := translate.Namespaces{}
				if seed%2 == 0 {
					namespaces.Prefix = "up-"
				}
				do(t, upstream, randomRules(mode, namespaces), translate.Facts{PriorityClass: seed%3 == 0})
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}
