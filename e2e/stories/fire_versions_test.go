package stories

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// policies are all policy objects of a kind.
type policies struct {
	kind string
	all  map[string]*versions
	// stored gets one for each change.
	stored chan struct{}
}

// change changes one object after the other until ctx ends, whether or not the
// change before is done.
func (p *policies) change(ctx context.Context, t *testing.T) {
	tick := time.NewTicker(everySo)
	defer tick.Stop()
	var changing sync.WaitGroup
	for _, v := range p.all {
		changing.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				switch err := v.next(ctx); {
				case err == nil:
					p.tell(ctx)
				case ctx.Err() == nil:
					t.Errorf("changing one of the %s: %v", p.kind, err)
				}
			}
		})
	}
	changing.Wait()
}

func (p *policies) tell(ctx context.Context) {
	select {
	case <-ctx.Done():
	case p.stored <- struct{}{}:
	}
}

// await waits for so many changes beyond those it was asked for before.
func (p *policies) await(ctx context.Context, n int) {
	for range n {
		select {
		case <-ctx.Done():
		case <-p.stored:
		}
	}
}

// during tells how many changes there were in that time, and wants as many for each
// wave as ten a second are.
func (p *policies) during(t *testing.T, began time.Time, lasted time.Duration) string {
	t.Helper()
	n := 0
	for _, v := range p.all {
		for _, times := range v.times {
			if times.stored.After(began) && times.stored.Before(began.Add(lasted)) {
				n++
			}
		}
	}
	if n < waves*changesOfAWave {
		t.Errorf("%d changes of %s while pods were created, want %d", n, p.kind, waves*changesOfAWave)
	}
	return fmt.Sprintf("%d changes of %s (%.1f a second)", n, p.kind, float64(n)/lasted.Seconds())
}

// explain checks that a pod is of one version of its team's policy, and of one that
// it may have.
func (p *policies) explain(t *testing.T, c creation, version, again string) {
	t.Helper()
	v := p.all[c.pod.Labels["app"]]
	var n int
	if _, err := fmt.Sscan(strings.TrimPrefix(version, "agent:"), &n); err != nil || version != again || n < 1 || n > len(v.times)+1 {
		t.Errorf("pod %s is of the versions %q and %q of its %s, of which there are %d", c.pod.Name, version, again, p.kind, len(v.times))
		return
	}
	if n <= len(v.times) && v.times[n-1].sent.After(c.ended) {
		t.Errorf("pod %s has version %d of %s, which was not there yet", c.pod.Name, n, p.kind)
	}
	if n < len(v.times) && v.times[n].stored.Add(cacheDelay).Before(c.began) {
		t.Errorf("pod %s has version %d of %s, which was replaced %s before", c.pod.Name, n, p.kind, c.began.Sub(v.times[n].stored))
	}
}

// versions are those of a policy object, from 1 on.
type versions struct {
	of       dynamic.ResourceInterface
	manifest string
	// times are of each version.
	times []versionTimes
}

// versionTimes are when a version was sent to the API server, and when that said it
// has it.
type versionTimes struct{ sent, stored time.Time }

// next makes the next version. An API server that finds the object written by
// others again and again while it changes it leaves it to the client to try again.
func (v *versions) next(ctx context.Context) error {
	object := &unstructured.Unstructured{}
	manifest := strings.ReplaceAll(v.manifest, "$version", fmt.Sprint(len(v.times)+1))
	if err := yaml.Unmarshal([]byte(manifest), object); err != nil {
		return err
	}
	times := versionTimes{sent: time.Now()}
	for {
		_, err := v.of.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "teams", Force: true})
		if apierrors.IsConflict(err) {
			continue
		}
		if err != nil {
			return err
		}
		times.stored = time.Now()
		v.times = append(v.times, times)
		return nil
	}
}
