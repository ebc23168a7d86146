package references

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func testRules() translate.Rules {
	return translate.Rules{
		Identity: translate.Identity{
			UpstreamID: "cluster-1", Node: stash.VirtualNode{Name: "east"}, Namespaces: translate.Namespaces{Prefix: "up-"},
		},
		Access: translate.Access{Modes: []translate.AccessMode{translate.AccessNone, translate.AccessUpstream}, Host: "api", Port: "443"},
	}
}

// mounting is an upstream pod with ConfigMaps in volumes.
func mounting(name string, configMaps ...string) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-of-pod"}}
	for _, name := range configMaps {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
		}})
	}
	return pod
}

func below(pod corev1.Pod) corev1.Pod {
	pod.Namespace = "up-" + pod.Namespace
	testRules().Mark(&pod.ObjectMeta, pod.UID)
	return pod
}

func key(name string) Key { return Key{Kind: translate.ConfigMap, Namespace: "up-shop", Name: name} }

func finished(pod corev1.Pod) corev1.Pod {
	pod.Status.Phase = corev1.PodSucceeded
	return pod
}

func TestUsed(t *testing.T) {
	cases := map[string]struct {
		reason               string
		upstream, downstream []corev1.Pod
		want                 Uses
	}{
		"live": {
			reason:   "a pod that is about to start uses its copies",
			upstream: []corev1.Pod{mounting("web", "a", "b")},
			want:     Uses{key("a"): {}, key("b"): {}},
		},
		"terminating": {
			reason:     "a downstream pod whose upstream pod is gone still runs",
			downstream: []corev1.Pod{below(mounting("web", "a"))},
			want:       Uses{key("a"): {}},
		},
		"finished": {
			reason:     "containers that are over read nothing any more",
			upstream:   []corev1.Pod{finished(mounting("job", "a"))},
			downstream: []corev1.Pod{finished(below(mounting("job", "a")))},
			want:       Uses{},
		},
		"foreign": {
			reason:     "a foreign pod can mount our copy, but not keep it",
			downstream: []corev1.Pod{mounting("web", "a")},
			want:       Uses{},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Used(c.upstream, c.downstream, testRules())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

// addAccess has a pod use a token and the root certificate.
func addAccess(pod *corev1.Pod) {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "kube-api-access-x", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: new(int64(3607))}},
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}}},
		},
	}}})
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "app:1", VolumeMounts: []corev1.VolumeMount{
		{Name: "kube-api-access-x", MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"},
	}}}
}

// TestUsedAccess: the root certificate and the tokens of a pod are in use under
// their downstream names, also when the virtual node gives no more of them.
func TestUsedAccess(t *testing.T) {
	up := mounting("web")
	up.Annotations = map[string]string{"spillway.io/api-access": "upstream"}
	addAccess(&up)
	up.Spec.NodeName = "east"
	down, _, err := translate.Pod(&up, testRules(), translate.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	above := Used([]corev1.Pod{up}, nil, testRules())
	if _, found := above[Key{Kind: translate.Secret, Namespace: "up-shop", Name: "spillway-token-uid-of-pod"}]; !found || len(above) != 2 {
		t.Errorf("the upstream pod uses %v, want its tokens and the root certificate", above)
	}
	changed := testRules()
	changed.Access = translate.Access{}
	if diff := cmp.Diff(above, Used(nil, []corev1.Pod{*down}, changed)); diff != "" {
		t.Errorf("its downstream pod uses other copies (-upstream +downstream):\n%s", diff)
	}
}

func TestSweep(t *testing.T) {
	copies := []Copy{{Key: key("b"), UID: "2", ResourceVersion: "20"}, {Key: key("a"), UID: "1", ResourceVersion: "10"}, {Key: key("c")}}
	want := []Deletion{{Copy: copies[1]}, {Copy: copies[0]}}
	got := Sweep(copies, Uses{key("c"): {}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want[:1], Spare(got, Uses{key("b"): {}})); diff != "" {
		t.Errorf("spared (-want +got):\n%s", diff)
	}
}
