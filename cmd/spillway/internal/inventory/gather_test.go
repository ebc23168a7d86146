package inventory_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/spillway-io/spillway/cmd/spillway/internal/inventory"
	"github.com/spillway-io/spillway/provider/portability"
)

// TestGather: what is kept, and what is not: no annotation, no time, no other label
// of a namespace.
func TestGather(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	seen := metav1.NewTime(now)
	client := fake.NewClientset(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: map[string]string{"a": "b"}, Labels: map[string]string{
			"team": "a", "pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted",
		}}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "writer"}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "default"}},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "slow", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}}, Provisioner: "p"},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "p"},
		&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "secrets"}, Spec: storagev1.CSIDriverSpec{VolumeLifecycleModes: []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecycleEphemeral}}},
		&corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "east-1", Labels: map[string]string{"disk": "ssd"}, Annotations: map[string]string{"a": "b"}},
			Spec:       corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule, TimeAdded: &seen}}},
			Status:     corev1.NodeStatus{Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("8")}},
		},
	)
	got, err := inventory.Gather(t.Context(), inventory.Options{Downstream: client, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	want := portability.Inventory{
		APIVersion: portability.APIVersion, Kind: portability.Kind, TakenAt: metav1.NewTime(now.Truncate(time.Second)), ServerVersion: got.ServerVersion,
		StorageClasses: []portability.StorageClass{{Name: "fast", Provisioner: "p"}, {Name: "slow", Provisioner: "p", Default: true}},
		CSIDrivers:     []portability.CSIDriver{{Name: "secrets", Inline: true}},
		Namespaces:     []portability.Namespace{{Name: "shop", PodSecurity: map[string]string{"enforce": "baseline"}, ServiceAccounts: []string{"default", "writer"}}},
		Nodes: []portability.Node{{
			Name: "east-1", Labels: map[string]string{"disk": "ssd"}, Unschedulable: true,
			Taints:      []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule}},
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("8")},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	through(t, got)
}

// through writes the inventory in both formats and reads it.
func through(t *testing.T, inv portability.Inventory) {
	t.Helper()
	for _, format := range inventory.Formats() {
		var text bytes.Buffer
		file := filepath.Join(t.TempDir(), "inventory")
		if err := errors.Join(inventory.Write(&text, format, inv), os.WriteFile(file, text.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		read, unknown, err := inventory.Read(file, nil)
		if diff := cmp.Diff(inv, read); diff != "" || len(unknown) > 0 || err != nil {
			t.Errorf("%s: unknown %q, %v: -written +read\n%s", format, unknown, err, diff)
		}
	}
}

// TestGatherAnswers: what a cluster answers for one kind, and what that means.
func TestGatherAnswers(t *testing.T) {
	errBroken := errors.New("connection reset")
	kind := schema.GroupResource{Group: "scheduling.k8s.io", Resource: "priorityclasses"}
	cases := map[string]struct {
		reason  string
		answer  error
		unread  bool
		failure error
	}{
		"forbidden": {"it is named, and the rest is told", apierrors.NewForbidden(kind, "", errors.New("no")), true, nil},
		"not-found": {"an old API server has no such kind, and so no such object", apierrors.NewNotFound(kind, ""), false, nil},
		"broken":    {"half an inventory would be taken for the whole", errBroken, false, errBroken},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "east-1"}})
			client.PrependReactor("list", kind.Resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, tc.answer })
			inv, err := inventory.Gather(t.Context(), inventory.Options{Downstream: client})
			if !errors.Is(err, tc.failure) {
				t.Fatalf("%s: got error %v", tc.reason, err)
			}
			if err == nil && (inv.Has(portability.PriorityClasses) == tc.unread || len(inv.Nodes) != 1) {
				t.Errorf("%s: got %+v", tc.reason, inv)
			}
		})
	}
}
