package sharing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"
)

// TestShare: a pod is what it was, whatever came before and comes after it.
func TestShare(t *testing.T) {
	fill := randfill.NewWithSeed(1).NilChance(0.5).NumElements(1, 2).MaxDepth(8).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(int64(c.Intn(3)), resource.DecimalSI)
		},
		func(m *metav1.FieldsV1, _ randfill.Continue) { *m = metav1.FieldsV1{} },
		// Few strings, so that much of it recurs.
		func(s *string, c randfill.Continue) {
			*s = strings.Repeat(string(rune('a'+c.Intn(3))), 1+longest*c.Intn(2))
		},
	)
	var shared Pods
	var before, after []*corev1.Pod
	for range 200 {
		pod := &corev1.Pod{}
		fill.Fill(pod)
		if len(before) > 0 && rand.IntN(2) == 0 {
			// One that is another one's like, but for its name.
			pod = before[rand.IntN(len(before))].DeepCopy()
			pod.Name += "-"
		}
		before = append(before, pod.DeepCopy())
		shared.Share(pod)
		after = append(after, pod)
	}
	for i := range before {
		if !apiequality.Semantic.DeepEqual(before[i], after[i]) {
			t.Fatalf("pod %d is another one", i)
		}
	}
}

// replica is one of the pods of a workload.
func replica(number int, token bool) *corev1.Pod {
	name := fmt.Sprintf("web-%d", number)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": strings.Clone("web")}, Annotations: map[string]string{"own": name}},
		Spec: corev1.PodSpec{
			Tolerations: []corev1.Toleration{{Key: strings.Clone("spot"), Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{
				{Name: "app", Image: strings.Clone("app:1"), Env: []corev1.EnvVar{{Name: "MODE", Value: "fast"}}},
			},
		},
		Status: corev1.PodStatus{Conditions: append(make([]corev1.PodCondition, 0, 8), corev1.PodCondition{Type: "Ready", Status: "True"})},
	}
	if token {
		pod.Spec.Volumes = []corev1.Volume{{Name: "token-" + name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{DefaultMode: new(int32(420))}}}}
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "token-" + name, MountPath: strings.Clone("/token")}}
	}
	return pod
}

// TestShareSaves: the parts that are worth it are the same ones afterwards.
func TestShareSaves(t *testing.T) {
	var shared Pods
	pods := map[bool][]*corev1.Pod{}
	for i := range 4 {
		token := i%2 == 0
		pod := replica(i, token)
		shared.Share(pod)
		pods[token] = append(pods[token], pod)
	}
	plain, token := pods[false], pods[true]
	image := func(pod *corev1.Pod) *byte { return unsafe.StringData(pod.Spec.Containers[0].Image) }
	for what, same := range map[string]bool{
		"containers":           &plain[0].Spec.Containers[0] == &plain[1].Spec.Containers[0],
		"tolerations":          &plain[0].Spec.Tolerations[0] == &plain[1].Spec.Tolerations[0],
		"image beside a token": image(token[0]) == image(token[1]),
		"env beside a token":   &token[0].Spec.Containers[0].Env[0] == &token[1].Spec.Containers[0].Env[0],
		"source of a volume":   token[0].Spec.Volumes[0].Projected == token[1].Spec.Volumes[0].Projected,
		"path of a mount": unsafe.StringData(token[0].Spec.Containers[0].VolumeMounts[0].MountPath) ==
			unsafe.StringData(token[1].Spec.Containers[0].VolumeMounts[0].MountPath),
		"no more room than needed": cap(plain[0].Status.Conditions) == 1,
	} {
		if !same {
			t.Errorf("%s: each pod has its own", what)
		}
	}
}

// TestForget: what does not recur is forgotten, what does is not.
func TestForget(t *testing.T) {
	var shared Pods
	first := replica(0, false)
	shared.Share(first)
	for i := range 4 * maxValues {
		pod := replica(i, false)
		shared.Share(pod)
		if &pod.Spec.Containers[0] != &first.Spec.Containers[0] {
			t.Fatalf("after %d pods it was forgotten what all have in common", i)
		}
	}
	if held := len(shared.pool.values.young) + len(shared.pool.values.old); held > 2*maxValues {
		t.Errorf("it holds %d values", held)
	}
}

func BenchmarkShare(b *testing.B) {
	var shared Pods
	pods := make([]*corev1.Pod, 1000)
	for i := range pods {
		pods[i] = replica(i, true)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		shared.Share(pods[i%len(pods)].DeepCopy())
		i++
	}
}
