package storage

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestVolumeIsToldOfOnce: a claim is looked at again before the upstream cache shows
// the volume that was made for it. It is not made again, and its owner hears once.
func TestVolumeIsToldOfOnce(t *testing.T) {
	volume := made()
	volume.ResourceVersion = ""
	r, recorder := world{upstream: []client.Object{claim(selected("east")), class()}}.reconciler()
	w := World{Key: key(), Claim: claim(selected("east")), Class: class()}
	for range 2 {
		action := Action{Row: RowProvision, Provision: volume.DeepCopy(), Event: &Event{Type: corev1.EventTypeNormal, Reason: ReasonRetained, Note: "kept"}}
		if err := r.apply(t.Context(), w, action); err != nil {
			t.Fatal(err)
		}
	}
	if told := len(recorder.Events); told != 1 {
		t.Errorf("it was told %d times", told)
	}
}
