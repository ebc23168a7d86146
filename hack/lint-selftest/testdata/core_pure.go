package core

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	kjson "sigs.k8s.io/json"
)

// ErrPure is a sentinel: a value that never changes.
var ErrPure = errors.New("pure")

// Pure uses what the core may use; nothing here is reported.
func Pure(now time.Time, pod *corev1.Pod) error {
	var node corev1.Node
	sum := sha256.Sum256(bytes.TrimSpace(nil))
	keys := slices.Sorted(maps.Keys(labels.Set(pod.Labels)))
	_, _ = nodeaffinity.GetRequiredNodeAffinity(pod).Match(&node)
	if err := kjson.UnmarshalCaseSensitivePreserveInts(json.RawMessage(`{}`), &node); err != nil {
		return fmt.Errorf("cannot read %s: %w", strings.Join(keys, ","), err)
	}
	if metav1.NewTime(now).Add(time.Second).IsZero() || sum[0] == 0 {
		return ErrPure
	}
	return nil
}
