package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// list answers with the pods that there are, as a kubelet does at /pods and
// /runningpods/: here they are the same.
func (h *Handler) list(w http.ResponseWriter, r *http.Request) {
	pods, err := h.pods.list(r.Context())
	if err != nil {
		answer(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(pods); err != nil {
		logf.FromContext(r.Context()).V(1).Info("A list of pods ended early", "cause", err.Error())
	}
}

// list returns the upstream pods as upstream has them, also their UIDs, of which
// there is a downstream pod, and neither of the two is being deleted. The pods
// share memory with the cache.
func (p Pods) list(ctx context.Context) (*corev1.PodList, error) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	var up, down corev1.PodList
	if err := p.Upstream.List(ctx, &up); err != nil {
		return nil, fmt.Errorf("cannot list the upstream pods: %w", err)
	}
	if err := p.DownstreamCache.List(ctx, &down); err != nil {
		return nil, fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	return &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: p.running(up.Items, down.Items)}, nil
}

func (p Pods) running(up, down []corev1.Pod) []corev1.Pod {
	below := make(map[client.ObjectKey]*corev1.Pod, len(up))
	for i := range down {
		if p.Identity.Owns(&down[i]) && down[i].DeletionTimestamp == nil {
			below[client.ObjectKeyFromObject(&down[i])] = &down[i]
		}
	}
	running := make([]corev1.Pod, 0, len(up))
	for i := range up {
		key := client.ObjectKey{Namespace: p.Identity.Namespaces.Downstream(up[i].Namespace), Name: up[i].Name}
		twin, exists := below[key]
		if exists && up[i].Spec.NodeName == p.Identity.Node.Name && up[i].DeletionTimestamp == nil && p.Identity.StandsFor(twin, &up[i]) {
			running = append(running, up[i])
		}
	}
	return running
}
