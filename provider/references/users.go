package references

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// usesIndex finds the pods that use a copy in the caches of both clusters, by the
// text of its key.
const usesIndex = "spillway.io/uses"

// users finds pods by the copies that they use.
type users struct {
	rules   translate.Rules
	tallies *tallies
	// upstream and downstream are caches with usesIndex.
	upstream, downstream client.Reader
}

// user is an upstream pod that uses a copy.
type user struct {
	Pod *corev1.Pod
	// Rules are those that its downstream pod was or will be made by.
	Rules translate.Rules
	Want  Want
}

// index adds usesIndex to the caches.
func (u users) index(ctx context.Context, upstream, downstream client.FieldIndexer) error {
	err := upstream.IndexField(ctx, &corev1.Pod{}, usesIndex, func(object client.Object) []string {
		pod, isPod := object.(*corev1.Pod)
		if !isPod {
			return nil
		}
		var keys []string
		for _, want := range Wanted(pod, u.rules) {
			keys = append(keys, want.String())
		}
		return keys
	})
	if err != nil {
		return fmt.Errorf("cannot index the upstream pods: %w", err)
	}
	err = downstream.IndexField(ctx, &corev1.Pod{}, usesIndex, func(object client.Object) []string {
		pod, isPod := object.(*corev1.Pod)
		if !isPod {
			return nil
		}
		var keys []string
		for _, key := range Mentioned(pod, u.rules) {
			keys = append(keys, key.String())
		}
		return keys
	})
	if err != nil {
		return fmt.Errorf("cannot index the downstream pods: %w", err)
	}
	return nil
}

// need says whether a pod that uses a copy cannot do without it. Only the caches can
// say that none is such a pod.
func (u users) need(ctx context.Context, key Key) (bool, error) {
	if u.tallies.of(key).Needing > 0 {
		return true, nil
	}
	users, held, err := u.of(ctx, key)
	if err != nil {
		return false, err
	}
	needed := held && len(users) == 0
	for i := range users {
		needed = needed || !users[i].Want.Optional
	}
	return needed, nil
}

// of returns the upstream pods that use a copy, and whether a downstream pod holds
// it, be there an upstream pod or not. It looks at each of them: it is for when the
// tallies have none, and to tell them all.
func (u users) of(ctx context.Context, key Key) (pods []user, held bool, err error) {
	uses := client.MatchingFields{usesIndex: key.String()}
	var above, below corev1.PodList
	if err := u.upstream.List(ctx, &above, uses); err != nil {
		return nil, false, fmt.Errorf("cannot list the upstream pods: %w", err)
	}
	if err := u.downstream.List(ctx, &below, uses); err != nil {
		return nil, false, fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	known := make(map[types.UID]bool, len(below.Items))
	for i := range below.Items {
		pod, err := u.above(ctx, &below.Items[i])
		if err != nil {
			return nil, false, err
		}
		if pod == nil {
			continue
		}
		rules := u.rules.MadeFor(&below.Items[i])
		if want, found := find(Wanted(pod, rules), key); found {
			pods = append(pods, user{Pod: pod, Rules: rules, Want: want})
			known[pod.UID] = true
		}
	}
	for i := range above.Items {
		pod := &above.Items[i]
		if want, found := find(Wanted(pod, u.rules), key); found && !known[pod.UID] {
			pods = append(pods, user{Pod: pod, Rules: u.rules, Want: want})
		}
	}
	return pods, len(below.Items) > 0, nil
}

// above returns the upstream pod that a downstream pod stands for, nil if it is gone.
func (u users) above(ctx context.Context, downstream *corev1.Pod) (*corev1.Pod, error) {
	namespace, mapped := u.rules.Namespaces.Upstream(downstream.Namespace)
	if !mapped {
		return nil, nil //nolint:nilnil // Absence is an answer here.
	}
	pod := &corev1.Pod{}
	err := u.upstream.Get(ctx, client.ObjectKey{Namespace: namespace, Name: downstream.Name}, pod)
	switch {
	case apierrors.IsNotFound(err) || err == nil && !u.rules.StandsFor(downstream, pod):
		return nil, nil //nolint:nilnil // Absence is an answer here.
	case err != nil:
		return nil, fmt.Errorf("cannot read the upstream pod: %w", err)
	}
	return pod, nil
}
