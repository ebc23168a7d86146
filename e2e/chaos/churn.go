package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/invariants"
	"github.com/spillway-io/spillway/e2e/playground"
)

// How often each thing happens, as long as the upstream API server answers.
const (
	comesEvery   = 100 * time.Millisecond // a pod is created, and another deleted
	relabelEvery = 500 * time.Millisecond
	replaceEvery = 10 * time.Second // a StatefulSet's pod is deleted
	imageEvery   = 15 * time.Second // a pod's image changes in place
	rolloutEvery = 20 * time.Second
	jobEvery     = 20 * time.Second

	// transients are how many pods that come and go there are at a time.
	transients = 40
	// askTimeout bounds a request; whatever failed is asked for again.
	askTimeout = 5 * time.Second
	// completions are what each Job does.
	completions = 10
)

// churn is what users do to their pods. It goes on through all faults.
type churn struct {
	*Stage
	random *rand.Rand // of one goroutine

	mu                        sync.Mutex
	created, deleted, refused int
	jobs                      int

	running sync.WaitGroup
	end     context.CancelFunc
}

func (s *Stage) pods() typedcorev1.PodInterface { return s.upstream.Client().CoreV1().Pods(namespace) }

// startChurn starts all of it; stop waits for its end.
func (s *Stage) startChurn(ctx context.Context, seed uint64) *churn {
	c := &churn{Stage: s, random: rand.New(rand.NewPCG(seed, 0))}
	ctx, c.end = context.WithCancel(ctx)
	alive := make([]*corev1.Pod, 0, transients)
	c.every(ctx, comesEvery, func(ctx context.Context, turn int) error {
		pod, err := c.comes(ctx, turn)
		if err != nil {
			return err
		}
		if alive = append(alive, pod); len(alive) <= transients {
			return nil
		}
		return c.goes(ctx, &alive)
	})
	c.every(ctx, relabelEvery, func(ctx context.Context, turn int) error {
		return c.patches(ctx, single(turn%singles), fmt.Sprintf(`{"metadata":{"labels":{"turn":"%d"}}}`, turn))
	})
	c.every(ctx, imageEvery, func(ctx context.Context, turn int) error {
		return c.patches(ctx, single(turn%singles), fmt.Sprintf(`{"spec":{"containers":[{"name":"app","image":"app:%d"}]}}`, turn+2))
	})
	c.every(ctx, replaceEvery, func(ctx context.Context, turn int) error {
		return c.replaces(ctx, fmt.Sprintf("%s-%d", members, turn%10))
	})
	c.every(ctx, rolloutEvery, c.rollsOut)
	c.every(ctx, jobEvery, c.works)
	return c
}

// stop ends it and says what it did.
func (c *churn) stop() string {
	c.end()
	c.running.Wait()
	return fmt.Sprintf("%d pods created and %d deleted one by one, %d Jobs; %d requests had to be repeated", c.created, c.deleted, c.jobs, c.refused)
}

// every does something again and again. What fails is counted only: the next turn
// does it again or goes on with something else.
func (c *churn) every(ctx context.Context, interval time.Duration, do func(ctx context.Context, turn int) error) {
	c.running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for turn := 0; wait(ctx, ticker.C); turn++ {
			asking, cancel := context.WithTimeout(ctx, askTimeout)
			err := do(asking, turn)
			cancel()
			if err != nil && ctx.Err() == nil {
				c.note(&c.refused)
			}
		}
	})
}

func (c *churn) note(what *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*what++
}

// comes creates a pod, of which every other ends by itself.
func (c *churn) comes(ctx context.Context, n int) (*corev1.Pod, error) {
	pod := barePod(fmt.Sprintf("bare-%06d", n))
	if n%2 == 0 {
		pod = runFor(pod, 2*time.Second)
	}
	created, err := c.pods().Create(ctx, pod, metav1.CreateOptions{})
	if err == nil {
		c.note(&c.created)
		return created, nil
	}
	// The answer may have been lost, not the pod.
	there, getErr := c.pods().Get(ctx, pod.Name, metav1.GetOptions{})
	if getErr != nil {
		return nil, errors.Join(err, getErr)
	}
	return there, nil
}

// goes deletes any of the pods that came, and forgets it when it is asked to go.
func (c *churn) goes(ctx context.Context, alive *[]*corev1.Pod) error {
	at := c.random.IntN(len(*alive))
	if err := c.takeAway(ctx, (*alive)[at]); err != nil {
		return err
	}
	*alive = append((*alive)[:at], (*alive)[at+1:]...)
	return nil
}

func (c *churn) takeAway(ctx context.Context, pod *corev1.Pod) error {
	c.witness.TakesAway(pod.UID)
	err := c.pods().Delete(ctx, pod.Name, *metav1.NewPreconditionDeleteOptions(string(pod.UID)))
	if err == nil {
		c.note(&c.deleted)
	}
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // a lost answer, and maybe a pod of the same name
	}
	return err
}

func (c *churn) patches(ctx context.Context, pod, patch string) error {
	_, err := c.pods().Patch(ctx, pod, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// replaces deletes a StatefulSet's pod, which comes back under the same name.
func (c *churn) replaces(ctx context.Context, name string) error {
	pod, err := c.pods().Get(ctx, name, metav1.GetOptions{})
	if err != nil || pod.DeletionTimestamp != nil {
		return err
	}
	return c.takeAway(ctx, pod)
}

func (c *churn) rollsOut(ctx context.Context, n int) error {
	c.witness.Releases(rolling)
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"turn":"%d"}}}}}`, n)
	_, err := c.upstream.Client().AppsV1().Deployments(namespace).Patch(ctx, rolling, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// works creates an Indexed Job, and judges and removes those that are done.
func (c *churn) works(ctx context.Context, n int) error {
	if err := c.judgeJobs(ctx); err != nil {
		return err
	}
	name := fmt.Sprintf("job-%03d", n)
	template := runFor(barePod(""), 3*time.Second)
	template.Labels[invariants.WorkloadLabel] = name
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{api.OptInLabel: api.OptedIn}},
		Spec: batchv1.JobSpec{
			Completions: new(int32(completions)), Parallelism: new(int32(completions / 2)), BackoffLimit: new(int32(0)),
			CompletionMode: new(batchv1.IndexedCompletion),
			Template:       corev1.PodTemplateSpec{ObjectMeta: template.ObjectMeta, Spec: template.Spec},
		},
	}
	_, err := c.upstream.Client().BatchV1().Jobs(namespace).Create(ctx, job, metav1.CreateOptions{})
	if err == nil {
		c.note(&c.jobs)
	}
	return err
}

// judgeJobs judges and removes the Jobs that were done for a while.
func (c *churn) judgeJobs(ctx context.Context) error {
	jobs := c.upstream.Client().BatchV1().Jobs(namespace)
	list, err := jobs.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, job := range list.Items {
		done := job.Status.CompletionTime
		if done == nil || time.Since(done.Time) < jobEvery/2 {
			continue
		}
		c.witness.Completes([]batchv1.Job{job})
		c.witness.Releases(job.Name)
		background := metav1.DeletePropagationBackground
		if err := jobs.Delete(ctx, job.Name, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// waitJobs waits until all Jobs are done, and judges them.
func (s *Stage) waitJobs(ctx context.Context) error {
	var done []batchv1.Job
	err := playground.Eventually(ctx, "all Jobs are done", func(ctx context.Context) error {
		list, err := s.upstream.Client().BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, job := range list.Items {
			if job.Status.CompletionTime == nil {
				return fmt.Errorf("%s is not: %+v", job.Name, job.Status.Conditions)
			}
		}
		done = list.Items
		return nil
	})
	s.witness.Completes(done)
	return err
}
