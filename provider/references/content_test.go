package references

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/provider/translate"
)

func TestNewCopy(t *testing.T) {
	upstream := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "keys", UID: "up", ResourceVersion: "5", Labels: map[string]string{"team": "shop"},
			Annotations:     map[string]string{corev1.LastAppliedConfigAnnotation: "hidden", corev1.ServiceAccountNameKey: "default"},
			OwnerReferences: []metav1.OwnerReference{{Name: "owner"}}, Finalizers: []string{"example.org/keep"},
		},
		Type: corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{"token": []byte("hidden")}, Immutable: new(true),
	}
	want := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "up-shop", Name: "keys",
			Labels:      map[string]string{"team": "shop", "spillway.io/upstream": "cluster-1", "spillway.io/virtual-node": "east"},
			Annotations: map[string]string{"spillway.io/upstream-uid": "up"},
		},
		Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"token": []byte("hidden")},
	}
	got, err := newCopy(upstream, Key{Kind: translate.Secret, Namespace: "up-shop", Name: "keys"}, testRules().Identity)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	present := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		UID: "down", ResourceVersion: "7", Annotations: map[string]string{"theirs": "1", "spillway.io/upstream-uid": "before"},
	}}
	replacing(got, present)
	want.UID, want.ResourceVersion, want.Annotations["theirs"] = "down", "7", "1"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("as an update (-want +got):\n%s", diff)
	}
}

// TestBootstrapTokenOpensNothing: in kube-system, a Secret of that type lets whoever
// knows it into the cluster that it is in.
func TestBootstrapTokenOpensNothing(t *testing.T) {
	upstream := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-abcdef"}, Type: corev1.SecretTypeBootstrapToken}
	got, err := newCopy(upstream, Key{Kind: translate.Secret, Namespace: "kube-system", Name: upstream.Name}, testRules().Identity)
	if copied, is := got.(*corev1.Secret); err != nil || !is || copied.Type != corev1.SecretTypeOpaque {
		t.Errorf("it is copied as %v (%v), want one of type Opaque", got, err)
	}
}

// TestRedact: an API server quotes what it refuses.
func TestRedact(t *testing.T) {
	refusal := apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "keys", field.ErrorList{
		field.Invalid(field.NewPath("data").Key("key"), "hidden", "does not look right"),
	})
	if !strings.Contains(refusal.Error(), "hidden") {
		t.Fatal("the case proves nothing")
	}
	got := redact(translate.Secret, refusal)
	if strings.Contains(got.Error(), "hidden") || !strings.Contains(got.Error(), "data[key]") || !apierrors.IsInvalid(got) {
		t.Errorf("it became %q", got)
	}
	if status, is := errors.AsType[*apierrors.StatusError](got); !is || strings.Contains(status.ErrStatus.String(), "hidden") {
		t.Errorf("its status is %v", status)
	}
	if got := redact(translate.ConfigMap, refusal); !errors.Is(got, refusal) {
		t.Errorf("of a ConfigMap it became %q", got)
	}
	network := errors.New("connection refused")
	if got := redact(translate.Secret, network); !errors.Is(got, network) {
		t.Errorf("an error that is no answer became %q", got)
	}

	missing := redact(translate.Secret, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop"))
	if status, is := errors.AsType[*apierrors.StatusError](missing); !is || !apierrors.IsNotFound(missing) || status.ErrStatus.Details.Kind != "namespaces" {
		t.Errorf("a missing namespace became %v", missing)
	}
}
