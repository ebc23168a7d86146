package mutate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// maxPodSize is how large a pod may become by sidecars, in bytes as API servers store
// it. By default etcd takes 1.5 MiB; what is left is for what the API server adds,
// of which managed fields are most, and for the pod's status.
const maxPodSize = 1 << 20

// inject puts sidecars into the pod as it is placed: what the chosen subset
// patches into it, such as a label, selects them.
func inject(placed *corev1.Pod, in Input) sidecar.Result {
	placed = withRecord(placed, in.Pod)
	result := injectOrNot(sidecar.Subject{
		Pod:       placed,
		Namespace: sidecar.Namespace{Name: in.Namespace.Name, Labels: in.Namespace.Labels, Err: in.Namespace.Err},
		Key:       cmp.Or(placed.Name, in.Key),
		Now:       in.Now,
	}, in.Sidecars)
	if len(result.Injected) == 0 {
		return result
	}
	if size := annotationSize(result.Pod); size > validation.TotalAnnotationSizeLimitB {
		return result.Without(placed, fmt.Errorf("with it the pod's annotations have %d bytes, more than the limit of %d", size, validation.TotalAnnotationSizeLimitB))
	}
	if size := result.Pod.Size(); size > maxPodSize {
		return result.Without(placed, fmt.Errorf("with it the pod has %d bytes, more than the limit of %d", size, maxPodSize))
	}
	return result
}

// injectOrNot leaves all sets out after a bug of ours: where the pod is placed does
// not depend on them.
func injectOrNot(subject sidecar.Subject, sets []*sidecar.Set) (result sidecar.Result) {
	defer func() {
		if bug := recover(); bug != nil {
			about := slices.DeleteFunc(slices.Clone(sets), func(s *sidecar.Set) bool {
				return s.Object.Spec.InjectionStrategy.Paused || !s.Selects(subject.Pod, subject.Namespace)
			})
			result = sidecar.Result{Injected: about}.Without(subject.Pod, fmt.Errorf("panic: %v", bug))
		}
	}()
	return sidecar.Inject(subject, sets)
}

// withRecord gives the pod the record of its sidecars back. A subset's patch that
// deletes or replaces all annotations speaks of the author's, and the second time
// it meets the record, too; without it the sidecars would be strangers.
func withRecord(placed, before *corev1.Pod) *corev1.Pod {
	lost := map[string]string{}
	for _, key := range []string{api.SidecarSetHashAnnotation, api.SidecarSetHashWithoutImageAnnotation, api.SidecarSetListAnnotation} {
		value, had := before.Annotations[key]
		if now, has := placed.Annotations[key]; had && (!has || now != value) {
			lost[key] = value
		}
	}
	if len(lost) == 0 {
		return placed
	}
	recorded := *placed
	recorded.Annotations = maps.Clone(placed.Annotations)
	if recorded.Annotations == nil {
		recorded.Annotations = make(map[string]string, len(lost))
	}
	maps.Copy(recorded.Annotations, lost)
	return &recorded
}
