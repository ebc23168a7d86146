package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// steadyFor is how long a Deployment is not scaled, between growing and shrinking,
	// which take as many seconds as pods live.
	steadyFor = 10 * time.Second
	// leaving is how many namespaces may be about to go at a time.
	leaving = 3
	// goneWithin bounds each step of a namespace's end: on a busy machine the API server
	// needs a minute and another attempt for thousands of events.
	goneWithin = 3 * time.Minute
)

func generation(n int) string { return fmt.Sprintf("%s%05d", namespacePrefix, n) }

// moves has all pods move from namespace to namespace: the Deployment of the next one
// grows while that of the last one shrinks. Namespaces without pods go.
func (l *load) moves(ctx context.Context) error {
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(leaving)
	err := l.next(inGroup, func(namespace string) {
		asked := time.Now()
		group.Go(func() error { return l.retires(inGroup, namespace) }) // waits for its turn
		if time.Since(asked) > time.Second {
			l.notes(func(t *tally) { t.waited++ })
		}
	})
	return errors.Join(err, group.Wait())
}

// next has one namespace follow the other, and tells which is not needed any more.
func (l *load) next(ctx context.Context, left func(namespace string)) error {
	for n := 0; ; n++ {
		if err := l.prepares(ctx, generation(n)); err != nil {
			return err
		}
		if !l.ramps(ctx, n) {
			return nil
		}
		if n > 0 {
			left(generation(n - 1))
		}
		if !pause(ctx, steadyFor) {
			return nil
		}
	}
}

// prepares makes a namespace with all that pods of it need, unless it is there.
func (l *load) prepares(ctx context.Context, namespace string) error {
	l.mu.Lock()
	there := slices.Contains(l.bare, namespace)
	l.mu.Unlock()
	if there {
		return nil
	}
	err := l.upstream.CreateNamespace(ctx, namespace, map[string]string{api.OptInLabel: api.OptedIn, "soak": "true"})
	if err == nil {
		err = l.upstream.Apply(ctx, fmt.Sprintf(furniture, namespace, capOf))
	}
	if err != nil {
		return err
	}
	l.notes(func(t *tally) { t.namespaces++ })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.bare = namespace, append(slices.Clone(l.bare), namespace)
	return nil
}

// ramps has the Deployment of generation n take over from the one before, and says
// whether ctx goes on.
func (l *load) ramps(ctx context.Context, n int) bool {
	l.mu.Lock()
	l.steady = false
	l.mu.Unlock()
	began := time.Now()
	for second := 0; second < lives; {
		waited, goesOn := l.waitsForRoom(ctx)
		if !goesOn {
			return false
		}
		began = began.Add(waited)
		second = min(lives, 1+int(time.Since(began).Seconds()))
		err := l.scales(ctx, generation(n), second*l.half)
		if n > 0 {
			err = errors.Join(err, l.scales(ctx, generation(n-1), (lives-second)*l.half))
		}
		if err != nil {
			_ = l.fails(ctx, err)
		}
		if !pause(ctx, time.Until(began.Add(time.Duration(second)*time.Second))) {
			return false
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steady = true
	return true
}

// waitsForRoom returns when fewer pods come and go, how long that took, and whether ctx
// goes on. What was due meanwhile counts as missed.
func (l *load) waitsForRoom(ctx context.Context) (waited time.Duration, goesOn bool) {
	asked := time.Now()
	for l.crowded() {
		if !pause(ctx, step) {
			return 0, false
		}
		waited = time.Since(asked)
	}
	l.notes(func(t *tally) { t.missed += int(waited.Seconds() * float64(2*l.half)) })
	return waited, true
}

// retires removes a namespace as soon as all its pods have ended.
func (l *load) retires(ctx context.Context, namespace string) error {
	if err := l.removes(ctx, namespace); ctx.Err() == nil {
		return err
	}
	return nil // ends does it
}

// removes deletes what is in an empty namespace, and the namespace, upstream; and
// downstream, where Spillway keeps namespaces, once nothing of ours is left in it.
func (l *load) removes(ctx context.Context, namespace string) error {
	if err := comes(ctx, "all pods of namespace "+namespace+" have ended", func(context.Context) error { return l.world.empty(namespace) }); err != nil {
		return err
	}
	err := l.upstream.dynamic.Resource(sidecarSets()).Delete(ctx, "only-"+namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot delete the SidecarSet of namespace %s: %w", namespace, err)
	}
	if err := drops(ctx, l.upstream, namespace); err != nil {
		return err
	}
	if err := comes(ctx, "nothing of ours is left downstream in "+namespace, func(ctx context.Context) error {
		return l.leftOver(ctx, namespace)
	}); err != nil {
		return err
	}
	if err := drops(ctx, l.downstream, namespace); err != nil {
		return err
	}
	l.world.forgets(namespace)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bare = slices.DeleteFunc(slices.Clone(l.bare), func(n string) bool { return n == namespace })
	return nil
}

// comes waits for one step of a namespace's end.
func comes(ctx context.Context, what string, check func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, goneWithin)
	defer cancel()
	return playground.Eventually(ctx, what, func(ctx context.Context) error {
		pause(ctx, time.Second) // who asks all the time is a load, too
		return check(ctx)
	})
}

// drops deletes a namespace and waits for its end.
func drops(ctx context.Context, in side, namespace string) error {
	err := in.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot delete namespace %s %s: %w", namespace, in.Name(), err)
	}
	return comes(ctx, "namespace "+namespace+" is gone "+in.Name(), func(ctx context.Context) error {
		_, err := in.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("it is still there"))
	})
}

// leftOver says what carries our marks in a downstream namespace.
func (l *load) leftOver(ctx context.Context, namespace string) error {
	marked := metav1.ListOptions{LabelSelector: api.UpstreamLabel + "=" + l.upstreamID}
	core := l.downstream.CoreV1()
	pods, err := core.Pods(namespace).List(ctx, marked)
	if err != nil {
		return err
	}
	maps, err := core.ConfigMaps(namespace).List(ctx, marked)
	if err != nil {
		return err
	}
	secrets, err := core.Secrets(namespace).List(ctx, marked)
	if err != nil {
		return err
	}
	if n := len(pods.Items) + len(maps.Items) + len(secrets.Items); n > 0 {
		return fmt.Errorf("%d pods, %d ConfigMaps, %d Secrets", len(pods.Items), len(maps.Items), len(secrets.Items))
	}
	return nil
}
