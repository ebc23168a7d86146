package claim

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func leaseResource() schema.GroupResource {
	return schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}
}

// world is a downstream cluster that has at most one Lease. It is a client of itself.
type world struct {
	kubernetes.Interface

	mu        sync.Mutex
	lease     *coordinationv1.Lease
	namespace bool
	version   int
	// failure is what every request gets, and latency how long each takes.
	failure error
	latency time.Duration
	// stranger is why it is not the virtual node's cluster, if it is not.
	stranger error
}

func (w *world) CoordinationV1() coordinationclient.CoordinationV1Interface {
	return coordination{w: w}
}

func (w *world) CoreV1() coreclient.CoreV1Interface { return core{w: w} }

func (w *world) set(change func(w *world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

func (w *world) holder() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return claimant("").record(w.lease).Holder
}

// serve answers a request, or does not.
func (w *world) serve(ctx context.Context, do func() (*coordinationv1.Lease, error)) (*coordinationv1.Lease, error) {
	w.mu.Lock()
	latency := w.latency
	w.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(latency):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure != nil {
		return nil, w.failure
	}
	return do()
}

func (w *world) put(lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	w.version++
	w.lease = lease.DeepCopy()
	w.lease.ResourceVersion = strconv.Itoa(w.version)
	return w.lease.DeepCopy(), nil
}

type coordination struct {
	coordinationclient.CoordinationV1Interface
	w *world
}

func (c coordination) Leases(string) coordinationclient.LeaseInterface { return leases{w: c.w} }

type core struct {
	coreclient.CoreV1Interface
	w *world
}

func (c core) Namespaces() coreclient.NamespaceInterface { return namespaces{w: c.w} }

type leases struct {
	coordinationclient.LeaseInterface
	w *world
}

func (l leases) Get(ctx context.Context, name string, _ metav1.GetOptions) (*coordinationv1.Lease, error) {
	return l.w.serve(ctx, func() (*coordinationv1.Lease, error) {
		if l.w.lease == nil {
			return nil, apierrors.NewNotFound(leaseResource(), name)
		}
		return l.w.lease.DeepCopy(), nil
	})
}

func (l leases) Create(ctx context.Context, lease *coordinationv1.Lease, _ metav1.CreateOptions) (*coordinationv1.Lease, error) {
	return l.w.serve(ctx, func() (*coordinationv1.Lease, error) {
		switch {
		case !l.w.namespace:
			return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, lease.Namespace)
		case l.w.lease != nil:
			return nil, apierrors.NewAlreadyExists(leaseResource(), lease.Name)
		}
		return l.w.put(lease)
	})
}

func (l leases) Update(ctx context.Context, lease *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	return l.w.serve(ctx, func() (*coordinationv1.Lease, error) {
		switch {
		case l.w.lease == nil:
			return nil, apierrors.NewNotFound(leaseResource(), lease.Name)
		case l.w.lease.ResourceVersion != lease.ResourceVersion:
			return nil, apierrors.NewConflict(leaseResource(), lease.Name, errors.New("changed"))
		}
		return l.w.put(lease)
	})
}

type namespaces struct {
	coreclient.NamespaceInterface
	w *world
}

func (n namespaces) Create(ctx context.Context, namespace *corev1.Namespace, _ metav1.CreateOptions) (*corev1.Namespace, error) {
	_, err := n.w.serve(ctx, func() (*coordinationv1.Lease, error) {
		n.w.namespace = true
		return nil, nil
	})
	return namespace, err
}

func claimant(holder string) Claimant {
	return Claimant{
		Identity: translate.Identity{UpstreamID: "upstream-uid", Node: stash.VirtualNode{Name: "east"}},
		Holder:   holder, UpstreamServer: "https://" + holder, Namespace: "spillway-system",
	}
}

// process is one that claims the world.
type process struct {
	*Keeper
	elected   chan struct{}
	ended     chan error
	stop      context.CancelFunc
	recovered int
	logged    []string
}

// starts a process that is a standby; elect it to make it claim.
func (w *world) starts(t *testing.T, holder string) *process {
	t.Helper()
	p := &process{elected: make(chan struct{}), ended: make(chan error, 1)}
	p.Keeper = &Keeper{Claimant: claimant(holder), Downstream: w, Gate: NewGate(), Identify: w.identify, Elected: p.elected, Recovered: func() { p.recovered++ }}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(logf.IntoContext(t.Context(), funcr.New(func(_, args string) { p.logged = append(p.logged, args) }, funcr.Options{})))
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.ended <- p.Run(ctx)
	}()
	t.Cleanup(func() {
		p.stop()
		<-over
	})
	return p
}

// identify says whether it is the right cluster, which takes a request.
func (w *world) identify(context.Context) (string, error) {
	w.mu.Lock()
	latency := w.latency
	w.mu.Unlock()
	<-time.After(latency)
	w.mu.Lock()
	defer w.mu.Unlock()
	return "downstream-uid", w.stranger
}

func (w *world) startsLeader(t *testing.T, holder string) *process {
	t.Helper()
	p := w.starts(t, holder)
	close(p.elected)
	synctest.Wait()
	return p
}

// crashes: it neither renews nor releases any more.
func (p *process) crashes(t *testing.T, w *world) {
	t.Helper()
	w.set(func(w *world) { w.failure = errors.New("crashed") })
	p.stop()
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
	w.set(func(w *world) { w.failure = nil })
}

// writes says whether a write passes the gate at once.
func (p *process) writes(t *testing.T) bool {
	t.Helper()
	return p.writesWithin(t, time.Nanosecond) == nil
}

func (p *process) writesWithin(t *testing.T, patience time.Duration) error {
	t.Helper()
	return p.requests(t, http.MethodPost, patience, func() {})
}

// requests sends a request through the gate, which does what the API server would.
func (p *process) requests(t *testing.T, method string, patience time.Duration, serve func()) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "https://downstream", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := p.Gate.Guard(server(serve)).RoundTrip(request)
	if err == nil {
		err = response.Body.Close()
	}
	return err
}

type server func()

func (s server) RoundTrip(*http.Request) (*http.Response, error) {
	s()
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}
