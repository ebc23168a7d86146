package stories

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/dynamic"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// cloneSets stands in for OpenKruise's CloneSet controller, for one namespace.
// It has what distinguishes CloneSets from Deployments here: it is the pods'
// direct owner, it names the pods itself, it creates all that are missing at the
// same time, and tries again at once those that were refused.
type cloneSets struct {
	pods    corev1client.PodInterface
	objects dynamic.ResourceInterface
}

// keepsCloneSet keeps the pods of the CloneSet web until the story is over.
func (s *story) keepsCloneSet() {
	s.Helper()
	keeper := cloneSets{pods: s.upstream.Client().CoreV1().Pods(s.namespace), objects: s.kruise("clonesets")}
	ctx, cancel := context.WithCancel(s.ctx)
	var working sync.WaitGroup
	working.Go(func() {
		_ = playground.Eventually(ctx, "the story ends", func(ctx context.Context) error {
			return fmt.Errorf("kept once more: %w", keeper.keep(ctx))
		})
	})
	s.Cleanup(func() {
		cancel()
		working.Wait()
	})
}

// keep brings the pods one step nearer to what the CloneSet wants.
func (c cloneSets) keep(ctx context.Context) error {
	set, err := c.objects.Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	list, err := c.pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	revision, pod, err := c.template(set)
	if err != nil {
		return err
	}
	var there, outdated []corev1.Pod
	running := 0
	for _, pod := range list.Items {
		if !active(&pod) {
			continue
		}
		there = append(there, pod)
		if pod.Labels["controller-revision-hash"] != revision {
			outdated = append(outdated, pod)
		}
		if pod.Status.Phase == corev1.PodRunning {
			running++
		}
	}
	wanted, _, err := unstructured.NestedInt64(set.Object, "spec", "replicas")
	switch missing := int(wanted) - len(there); {
	case err != nil:
		return err
	case missing > 0:
		c.create(ctx, pod, missing)
	case missing < 0:
		slices.SortFunc(there, func(a, b corev1.Pod) int { return cmp.Compare(deletionCost(&a), deletionCost(&b)) })
		return c.delete(ctx, there[:-missing]...)
	case len(outdated) > 0 && running == len(there):
		return c.delete(ctx, outdated[0])
	}
	return nil
}

// template is a pod as the CloneSet wants it, and the revision it is of.
func (c cloneSets) template(set *unstructured.Unstructured) (revision string, pod *corev1.Pod, err error) {
	template, _, err := unstructured.NestedMap(set.Object, "spec", "template")
	if err != nil {
		return "", nil, err
	}
	pod = &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, pod); err != nil {
		return "", nil, err
	}
	hash := fnv.New32a()
	_, _ = fmt.Fprint(hash, template) // a hash takes everything
	revision = strconv.FormatUint(uint64(hash.Sum32()), 36)
	pod.Labels["controller-revision-hash"] = revision
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(set, set.GroupVersionKind())}
	return revision, pod, nil
}

// create creates n pods at once; refused ones are missing at the next look.
func (c cloneSets) create(ctx context.Context, template *corev1.Pod, n int) {
	var creating sync.WaitGroup
	for range n {
		creating.Go(func() {
			pod := template.DeepCopy()
			pod.Name = "web-" + utilrand.String(5)
			_, _ = c.pods.Create(ctx, pod, metav1.CreateOptions{})
		})
	}
	creating.Wait()
}

func (c cloneSets) delete(ctx context.Context, pods ...corev1.Pod) error {
	for _, pod := range pods {
		err := c.pods.Delete(ctx, pod.Name, *metav1.NewPreconditionDeleteOptions(string(pod.UID)))
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

func deletionCost(pod *corev1.Pod) int {
	cost, err := strconv.Atoi(pod.Annotations[corev1.PodDeletionCost])
	if err != nil {
		return 0 // as Kubernetes has it
	}
	return cost
}
