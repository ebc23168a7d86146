package references

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// newCopy returns what is to be downstream under a key. Of the upstream metadata it
// has the labels only: an annotation may hold all of the content, as kubectl's
// last-applied-configuration does. It is never immutable: the upstream object, once
// it was deleted and made anew, may have other content.
func newCopy(upstream client.Object, key Key, id translate.Identity) (client.Object, error) {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: maps.Clone(upstream.GetLabels())}
	id.Mark(&meta, upstream.GetUID())
	switch from := upstream.(type) {
	case *corev1.ConfigMap:
		return &corev1.ConfigMap{ObjectMeta: meta, Data: from.Data, BinaryData: from.BinaryData}, nil
	case *corev1.Secret:
		return &corev1.Secret{ObjectMeta: meta, Data: from.Data, Type: downstreamType(from.Type)}, nil
	default:
		return nil, fmt.Errorf("a %T cannot be copied", upstream)
	}
}

// downstreamType keeps a token of an upstream ServiceAccount from the downstream
// token controller, which deletes those without a downstream one, and has a token
// that lets new nodes into the upstream cluster not open the downstream one.
func downstreamType(upstream corev1.SecretType) corev1.SecretType {
	switch upstream {
	case corev1.SecretTypeServiceAccountToken, corev1.SecretTypeBootstrapToken:
		return corev1.SecretTypeOpaque
	default:
		return upstream
	}
}

// newTokenSecret returns the Secret of a pod's tokens.
func newTokenSecret(pod *corev1.Pod, key Key, id translate.Identity, issued tokens) client.Object {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Annotations: refreshNote(issued.refreshAt)}
	id.Mark(&meta, pod.UID)
	return &corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeOpaque, Data: issued.data}
}

// replacing makes an update of exactly the version that is there. Annotations of
// others stay; they say nothing about the content.
func replacing(desired client.Object, present metav1.Object) {
	annotations := maps.Clone(present.GetAnnotations())
	if annotations == nil {
		annotations = make(map[string]string)
	}
	maps.Copy(annotations, desired.GetAnnotations())
	desired.SetAnnotations(annotations)
	desired.SetUID(present.GetUID())
	desired.SetResourceVersion(present.GetResourceVersion())
}

// isSame says whether writing the desired object would change nothing of the one
// that is there: neither the version that it was made for, nor anything else.
func isSame(desired, present client.Object) bool {
	present.SetCreationTimestamp(metav1.Time{})
	present.SetManagedFields(nil)
	present.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return apiequality.Semantic.DeepEqual(desired, present)
}

// stripped drops what is never copied, before it is kept in memory.
func stripped(object client.Object) client.Object {
	object.SetAnnotations(nil)
	object.SetManagedFields(nil)
	return object
}

// emptyOf returns an empty object to read a key's object into.
func emptyOf(kind translate.Kind) (client.Object, error) {
	switch kind {
	case translate.ConfigMap:
		return &corev1.ConfigMap{}, nil
	case translate.Secret:
		return &corev1.Secret{}, nil
	default:
		return nil, fmt.Errorf("a %s cannot be copied", kind)
	}
}

// metadataOf returns an empty object to read the metadata of a key's object into.
func metadataOf(kind translate.Kind) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(string(kind)))
	return object
}

// named returns an object that stands for a key in a request.
func named(key Key) client.Object {
	object := metadataOf(key.Kind)
	object.Namespace, object.Name = key.Namespace, key.Name
	return object
}

func (k Key) object() types.NamespacedName {
	return types.NamespacedName{Namespace: k.Namespace, Name: k.Name}
}
