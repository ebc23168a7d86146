package offline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cronMinute stands in for the time at which a CronJob creates a Job: the minutes
// since 1970, in 2025.
const cronMinute = 29_000_000

// cronJob makes pods the way of the Job that it creates.
func cronJob(cron *batchv1.CronJob) recipe {
	template := cron.Spec.JobTemplate
	return jobRecipe(&batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cron.Namespace,
			Name:      fmt.Sprintf("%s-%d", cron.Name, cronMinute),
		},
		Spec: template.Spec,
	})
}

func jobRecipe(job *batchv1.Job) recipe {
	controller := controlledBy(batchv1.SchemeGroupVersion.WithKind("Job"), &job.ObjectMeta)
	r := recipe{controller: controller, generateName: job.Name + "-"}
	indexed := job.Spec.CompletionMode != nil && *job.Spec.CompletionMode == batchv1.IndexedCompletion
	if indexed && job.Spec.Completions != nil {
		r.limit = int(*job.Spec.Completions)
	}
	r.finish = func(pod *corev1.Pod, i int) {
		labels := map[string]string{}
		// The API server adds them to the template, unless told not to.
		if job.Spec.ManualSelector == nil || !*job.Spec.ManualSelector {
			labels = map[string]string{
				batchv1.JobNameLabel:       job.Name,
				"job-name":                 job.Name,
				batchv1.ControllerUidLabel: string(controller.UID),
				"controller-uid":           string(controller.UID),
			}
		}
		maps.Copy(labels, pod.Labels)
		pod.Labels = labels
		if !slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer) {
			pod.Finalizers = append(pod.Finalizers, batchv1.JobTrackingFinalizer)
		}
		if indexed {
			setIndex(pod, job, strconv.Itoa(i))
		}
	}
	return r
}

// setIndex makes the pod the one of a completion index.
func setIndex(pod *corev1.Pod, job *batchv1.Job, index string) {
	pod.GenerateName = job.Name + "-" + index + "-"
	pod.Spec.Hostname = job.Name + "-" + index
	setLabel(pod, batchv1.JobCompletionIndexAnnotation, index)
	if pod.Annotations == nil {
		pod.Annotations = make(map[string]string, 1)
	}
	pod.Annotations[batchv1.JobCompletionIndexAnnotation] = index
	if job.Spec.BackoffLimitPerIndex != nil {
		pod.Annotations[batchv1.JobIndexFailureCountAnnotation] = "0"
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			addIndexVariable(&containers[i])
		}
	}
}

func addIndexVariable(container *corev1.Container) {
	const name = "JOB_COMPLETION_INDEX"
	if slices.ContainsFunc(container.Env, func(v corev1.EnvVar) bool { return v.Name == name }) {
		return
	}
	container.Env = append(container.Env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['" + batchv1.JobCompletionIndexAnnotation + "']"},
	}})
}
