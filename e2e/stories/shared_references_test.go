package stories

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// crowd is how many pods share so many ConfigMaps and as many Secrets.
	crowd, sharedEach = 60, 3
)

// TestManyPodsShareTheirReferences: what many pods refer to is copied once, whoever
// comes first, stays as it is while pods come and go, and goes with the last of them.
// The downstream cluster is hardly written to but for the pods.
func TestManyPodsShareTheirReferences(t *testing.T) {
	s := tell(t, nil)
	node := s.hasReferringNode("crowded")
	for i := range sharedEach {
		plain, hidden := settings("one"), keys("hidden-1")
		plain.Name, hidden.Name = fmt.Sprintf("settings-%d", i), fmt.Sprintf("keys-%d", i)
		s.applies(manifest(t, plain) + "---\n" + manifest(t, hidden))
	}
	began := time.Now()
	s.must("create the crowd", s.createsCrowd("crowded"))
	s.must("see the crowd run", s.runsInBoth(s.ctx, crowd, "crowded", s.downstream))
	t.Logf("%d pods ran after %.1f s", crowd, time.Since(began).Seconds())
	s.wroteCopies(2*sharedEach, s.logged(node, "Wrote a copy"))
	s.writtenBelow(node.Metrics, "POST", crowd+2*sharedEach+1)

	began = time.Now()
	s.must("delete the crowd", s.upstream.Client().CoreV1().Pods(s.namespace).DeleteCollection(s.ctx, *metav1.NewDeleteOptions(0), metav1.ListOptions{}))
	s.eventually("nothing of it is downstream", func(ctx context.Context) error {
		pods, err := s.pods(s.downstream)
		if err == nil && len(pods) > 0 {
			err = fmt.Errorf("%d pods are", len(pods))
		}
		return errors.Join(err, s.isNotCopied(ctx))
	})
	t.Logf("all was gone after %.1f s", time.Since(began).Seconds())
	s.wroteCopies(2*sharedEach, s.logged(node, "Wrote a copy"))
	s.writtenBelow(node.Metrics, "DELETE", crowd+2*sharedEach)
	s.quiet(node)
}

// createsCrowd creates pods that refer to all ConfigMaps and Secrets, several at a
// time.
func (s *story) createsCrowd(virtualNode string) error {
	group, ctx := errgroup.WithContext(s.ctx)
	group.SetLimit(8)
	for i := range crowd {
		group.Go(func() error {
			pod := refers(fmt.Sprintf("pod-%03d", i), virtualNode, "", "", false)
			app := &pod.Spec.Containers[0]
			for i := range sharedEach {
				app.EnvFrom = append(app.EnvFrom,
					corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: fmt.Sprintf("settings-%d", i)}}},
					corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: fmt.Sprintf("keys-%d", i)}}})
			}
			_, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(ctx, pod, metav1.CreateOptions{})
			return err
		})
	}
	return group.Wait()
}

func (s *story) wroteCopies(want, got int) {
	s.Helper()
	if got != want {
		s.Errorf("copies were written %d times, want %d", got, want)
	}
}

// isNotCopied says which copies there are.
func (s *story) isNotCopied(ctx context.Context) error {
	for i := range sharedEach {
		_, errMap := s.downstream.Client().CoreV1().ConfigMaps(s.namespace).Get(ctx, fmt.Sprintf("settings-%d", i), metav1.GetOptions{})
		_, errSecret := s.downstream.Client().CoreV1().Secrets(s.namespace).Get(ctx, fmt.Sprintf("keys-%d", i), metav1.GetOptions{})
		if !apierrors.IsNotFound(errMap) || !apierrors.IsNotFound(errSecret) {
			return fmt.Errorf("copies %d are there: %w", i, errors.Join(errMap, errSecret))
		}
	}
	return nil
}

// writtenBelow looks at how many requests with a method a virtual node has sent to
// the downstream cluster. Half as many more may be: pods that come at the same time
// all make their namespace, and a deletion is sent again while the cache does not show
// the first.
func (s *story) writtenBelow(metrics, method string, needed int) {
	s.Helper()
	host := strings.TrimPrefix(s.downstream.AdminConfig().Host, "https://")
	sent := int(samples(s.fetch(metrics+"/metrics"), "rest_client_requests_total", `method="`+method+`"`, `host="`+host+`"`))
	s.Logf("%d requests %s were sent downstream, %d are needed", sent, method, needed)
	if sent < needed || sent > needed+needed/2 {
		s.Errorf("%d requests %s were sent downstream, want %d and few more", sent, method, needed)
	}
}
