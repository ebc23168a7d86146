package references

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestReservedNames: a pod waits that names what is kept for others, also if it could
// do without, and nothing is copied to that name.
func TestReservedNames(t *testing.T) {
	pod := mounting("web", "settings", "spillway-root-ca-12345678")
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "theirs", VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: "spillway-token-of-another", Optional: new(true)},
	}})
	if wants := Wanted(&pod, testRules()); len(wants) != 1 || wants[0].Key != key("settings") {
		t.Errorf("the pod uses %v, want the settings only", wants)
	}
	found := reserved(&pod, testRules())
	if len(found) != 2 || found[0].Reason != ReasonReserved || found[1].Reason != ReasonReserved {
		t.Errorf("in its way is %+v, want both names", found)
	}
	plain := mounting("web", "settings")
	if found := reserved(&plain, testRules()); len(found) != 0 {
		t.Errorf("in the way of another pod is %+v", found)
	}
}
