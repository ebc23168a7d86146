package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

// healTimeout bounds the end of a fault: an API server needs some seconds to start.
const healTimeout = time.Minute

type (
	heal   = func(context.Context) error
	strike = func(context.Context, *Stage) (heal, error)
)

// killLeader is over when the leader is there again.
func killLeader(ctx context.Context, s *Stage) (heal, error) {
	leader := s.leader(ctx)
	return s.backAgain(leader.Process), leader.Kill()
}

func killAll(_ context.Context, s *Stage) (heal, error) {
	var errs []error
	for _, replica := range s.replicas {
		errs = append(errs, replica.Kill())
	}
	return s.backAgain(s.replicas[0].Process), errors.Join(errs...)
}

// handOver is over when the old leader has ended: the other leads, or soon does.
func handOver(ctx context.Context, s *Stage) (heal, error) {
	return nil, s.leader(ctx).Stop(ctx)
}

// backAgain waits for the supervisor.
func (s *Stage) backAgain(p *playground.Process) heal {
	return func(ctx context.Context) error {
		return playground.Eventually(ctx, p.Name()+" is started again", func(context.Context) error {
			if !p.Running() {
				return errors.New("not yet")
			}
			return nil
		})
	}
}

// stopAPI kills an API server, which is back when it is ready.
func stopAPI(of func(*Stage) *playground.Cluster) strike {
	return func(_ context.Context, s *Stage) (heal, error) {
		cluster := of(s)
		return func(ctx context.Context) error {
			return errors.Join(cluster.APIServer.Start(), answers(ctx, cluster))
		}, cluster.APIServer.Kill()
	}
}

// restartEtcd kills etcd, and its API server has a moment without.
func restartEtcd(of func(*Stage) *playground.Cluster) strike {
	return func(_ context.Context, s *Stage) (heal, error) {
		cluster := of(s)
		return func(ctx context.Context) error {
			return errors.Join(cluster.Etcd.Start(), answers(ctx, cluster))
		}, cluster.Etcd.Kill()
	}
}

// compact keeps watches from hearing anything while the world goes on. Then etcd
// forgets what was, and the API server is started again, which has the rest in its
// memory. When the watches are cut and begin where they were, that is gone: a real
// 410, as a watch of our own has to get too.
func compact(of func(*Stage) *playground.Cluster, way func(*Stage) *faults.Proxy) strike {
	return func(ctx context.Context, s *Stage) (heal, error) {
		cluster := of(s)
		pods := cluster.Client().CoreV1().Pods(namespace)
		then, err := pods.List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("cannot read where watches are: %w", err)
		}
		hear := way(s).Inject(faults.Fault{Silent: true, Only: faults.Verbs("watch")})
		return func(ctx context.Context) error {
			err := errors.Join(cluster.Compact(ctx), cluster.APIServer.Kill(), cluster.APIServer.Start(), answers(ctx, cluster))
			hear()
			if err != nil {
				return err
			}
			return isForgotten(ctx, func() (watch.Interface, error) {
				return pods.Watch(ctx, metav1.ListOptions{ResourceVersion: then.ResourceVersion})
			})
		}, nil
	}
}

// isForgotten is an error unless a watch is answered 410.
func isForgotten(ctx context.Context, begin func() (watch.Interface, error)) error {
	events, err := begin()
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer events.Stop()
	select {
	case event := <-events.ResultChan():
		if err := apierrors.FromObject(event.Object); event.Type == watch.Error && (apierrors.IsResourceExpired(err) || apierrors.IsGone(err)) {
			return nil
		}
		return fmt.Errorf("a watch from before the compaction goes on with %s, want 410", event.Type)
	case <-ctx.Done():
		return fmt.Errorf("a watch from before the compaction is not answered: %w", context.Cause(ctx))
	}
}

// inject has a proxy make a fault.
func inject(into func(*Stage) *faults.Proxy, f faults.Fault) strike {
	return func(_ context.Context, s *Stage) (heal, error) {
		end := into(s).Inject(f)
		return func(context.Context) error {
			end()
			return nil
		}, nil
	}
}

// both are two faults at a time.
func both(a, b strike) strike {
	return func(ctx context.Context, s *Stage) (heal, error) {
		healA, errA := a(ctx, s)
		healB, errB := b(ctx, s)
		return func(ctx context.Context) error { return errors.Join(healA(ctx), healB(ctx)) }, errors.Join(errA, errB)
	}
}

// answers waits until an API server is ready, with its etcd.
func answers(ctx context.Context, cluster *playground.Cluster) error {
	return playground.Eventually(ctx, "the API server of "+cluster.Name()+" is ready", func(ctx context.Context) error {
		if err := cluster.Client().Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return err
		}
		_, err := cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{Limit: 1})
		return err
	})
}

// helpUp has those go on at once who are not ours: they wait for up to a minute
// before they ask an API server again that was away.
func (s *Stage) helpUp(ctx context.Context, step Step) error {
	var bystanders []*playground.Process
	for _, planned := range step {
		switch find(planned.Name).harms {
		case theUpstream:
			bystanders = append(bystanders, s.upstream.ControllerManager, s.upstream.Scheduler, s.upstream.Kwok)
		case theDownstream:
			bystanders = append(bystanders, s.downstream.ControllerManager, s.downstream.Scheduler, s.downstream.Kwok)
		case theNode, theRequests: // they noticed nothing
		}
	}
	ctx, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	errs := make(chan error)
	for _, p := range bystanders {
		go func() { errs <- p.Restart(ctx) }()
	}
	var all []error
	for range bystanders {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
