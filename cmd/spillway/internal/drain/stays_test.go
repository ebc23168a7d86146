package drain

import (
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func volumeOn(cluster string) *corev1.PersistentVolume {
	volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "data"}}
	if cluster != "" {
		volume.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{*in("", cluster, -1).RequiredNodeSelectorTerm},
		}}
	}
	return volume
}

func TestStays(t *testing.T) {
	annotated := func(value string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Annotations["spillway.io/on-node-loss"] = value }
	}
	staying := func(w *World) { w.Staying = map[string]bool{"shop": true} }
	tiedTo := func(cluster string) func(*World) {
		return func(w *World) {
			w.Volumes = map[types.UID][]*corev1.PersistentVolume{"q1": {volumeOn("own"), volumeOn(cluster)}}
		}
	}
	targets := func(kind string) func(*World) {
		return func(w *World) { w.Spreadings["q1"].Object.Spec.TargetReference.Kind = kind }
	}
	cases := map[string]struct {
		reason   string
		pod      func(*corev1.Pod)
		world    func(*World)
		says     string
		harmless bool
	}{
		"goes":              {"nothing keeps it", nil, nil, "", false},
		"terminating":       {"it is on its way", func(pod *corev1.Pod) { pod.DeletionTimestamp = new(metav1.Now()) }, nil, "being deleted", true},
		"finished":          {"nothing runs", func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }, nil, "has finished", true},
		"daemon":            {"it goes with its node", controlledBy("apps/v1", "DaemonSet"), nil, "DaemonSet", true},
		"daemon-of-others":  {"a kind of the same name", controlledBy("apps.kruise.io/v1alpha1", "DaemonSet"), nil, "", false},
		"bare":              {"nobody replaces it", func(pod *corev1.Pod) { pod.OwnerReferences = nil }, nil, "nobody would replace it", false},
		"owned-only":        {"an owner that does not control it does not either", func(pod *corev1.Pod) { pod.OwnerReferences[0].Controller = nil }, nil, "nobody would replace it", false},
		"not-opted-in":      {"no policy of ours", func(pod *corev1.Pod) { delete(pod.Labels, "virtual-pod") }, nil, "did not opt in", false},
		"job":               {"it would begin anew", controlledBy("batch/v1", "Job"), nil, "begin anew", false},
		"ends":              {"whatever controls it", func(pod *corev1.Pod) { pod.Spec.RestartPolicy = corev1.RestartPolicyNever }, nil, "begin anew", false},
		"stay":              {"its author said so", annotated("stay"), nil, "its author wants it to stay", false},
		"stay-namespace":    {"or its namespace", nil, staying, "its author wants it to stay", false},
		"move-in-namespace": {"the pod's word counts more", annotated("move"), staying, "", false},
		"statefulset":       {"its number says it", controlledBy("apps/v1", "StatefulSet"), targets("StatefulSet"), "its number says which subset", false},
		"volume":            {"it is here", nil, tiedTo("east"), `volume "data" can be on this node only`, false},
		"volume-elsewhere":  {"another node admits it", nil, tiedTo("west"), "", false},
		"volume-anywhere":   {"such as a shared one", nil, tiedTo(""), "", false},
		"unreadable":        {"nobody knows", nil, func(w *World) { w.Spreadings["q1"].Err = errBoom("boom") }, "nothing is known of its WorkloadSpread: boom", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := podOf("q1", "b")
			if tc.pod != nil {
				tc.pod(pod)
			}
			w := worldOf([]v1alpha1.WorkloadSpreadSubset{in("a", "own", 1), in("b", "east", -1)}, pod)
			if tc.world != nil {
				tc.world(&w)
			}
			f := Plan(w)[0]
			if f.Goes != (tc.says == "") || !strings.Contains(f.Why, tc.says) || !f.Goes && f.Holds == tc.harmless || f.Holds && f.Do == "" {
				t.Errorf("%s: %+v", tc.reason, f)
			}
		})
	}
}

type errBoom string

func (e errBoom) Error() string { return string(e) }
