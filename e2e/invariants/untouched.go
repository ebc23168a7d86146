package invariants

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

type objectKey struct{ cluster, kind, namespace, name string }

// object is a guarded object as it was at first.
type object struct {
	uid types.UID
	sum [sha256.Size]byte
	// version is the resource version of objects that only their owner writes: any
	// write at all changes it. Pods are written by their kubelet, and have none.
	version string
}

// SeesObject is told of an object downstream, pods as well, as it is now. Objects of
// ours, and those in other namespaces than the guarded, are passed over.
func (l *Ledger) SeesObject(cluster string, o *unstructured.Unstructured, at time.Time) {
	key, guarded := l.guards(cluster, o)
	if !guarded {
		return
	}
	now := summed(o)
	was, known := l.objects[key]
	if !known {
		l.objects[key] = now
		return
	}
	switch {
	case was.uid != now.uid:
		l.touched(key, was, "was deleted and made anew", at)
	case o.GetDeletionTimestamp() != nil:
		l.touched(key, was, "was asked to go", at)
	case was.sum != now.sum:
		l.touched(key, was, "was changed, last by "+lastWriter(o), at)
	case was.version != now.version:
		l.touched(key, was, "was written, last by "+lastWriter(o), at)
	}
}

// SeesObjectGone is told of an object downstream that no longer exists.
func (l *Ledger) SeesObjectGone(cluster string, o *unstructured.Unstructured, at time.Time) {
	key, guarded := l.guards(cluster, o)
	if was, known := l.objects[key]; guarded && known {
		l.touched(key, was, "was deleted", at)
	}
}

// ListsObjects is told of all objects of one kind in a cluster.
func (l *Ledger) ListsObjects(cluster, kind string, list []unstructured.Unstructured, at time.Time) {
	there := make(map[objectKey]bool, len(list))
	for i := range list {
		there[objectKey{cluster, kind, list[i].GetNamespace(), list[i].GetName()}] = true
		l.SeesObject(cluster, &list[i], at)
	}
	for key, was := range l.objects {
		if key.cluster == cluster && key.kind == kind && !there[key] {
			l.touched(key, was, "was deleted", at)
		}
	}
}

func (l *Ledger) guards(cluster string, o *unstructured.Unstructured) (objectKey, bool) {
	key := objectKey{cluster, o.GetKind(), o.GetNamespace(), o.GetName()}
	return key, slices.Contains(l.scope.Guarded, o.GetNamespace()) && !l.marked(cluster, o.GetLabels(), o.GetAnnotations())
}

func (l *Ledger) touched(key objectKey, was object, what string, at time.Time) {
	name := fmt.Sprintf("%s %s %s/%s (%s)", key.cluster, key.kind, key.namespace, key.name, was.uid)
	l.violate(Violation{Untouched, []string{name}, "is not ours and " + what, at}, name+what)
}

// summed leaves out what Kubernetes itself writes: the status, who wrote what, and
// the node that the scheduler chose.
func summed(o *unstructured.Unstructured) object {
	content := o.DeepCopy()
	version := content.GetResourceVersion()
	if content.GetKind() == "Pod" {
		version = ""
		unstructured.RemoveNestedField(content.Object, "spec", "nodeName")
	}
	for _, path := range [][]string{{"status"}, {"metadata", "managedFields"}, {"metadata", "resourceVersion"}} {
		unstructured.RemoveNestedField(content.Object, path...)
	}
	text, err := json.Marshal(content.Object)
	if err != nil {
		text = fmt.Append(nil, content.Object) // what came as JSON becomes JSON again
	}
	return object{o.GetUID(), sha256.Sum256(text), version}
}

func lastWriter(o *unstructured.Unstructured) string {
	last := "nobody knows whom"
	var when time.Time
	for _, entry := range o.GetManagedFields() {
		if entry.Time != nil && !entry.Time.Time.Before(when) {
			last, when = entry.Manager+" ("+string(entry.Operation)+")", entry.Time.Time
		}
	}
	return last
}
