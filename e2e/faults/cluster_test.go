package faults

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

// TestMain builds the API server before any test's clock runs.
func TestMain(m *testing.M) {
	if _, err := binaries.Components(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestAPIServer tells on a real API server what a stand-in cannot show.
func TestAPIServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	paths, err := binaries.Components(ctx, binaries.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := playground.Start(ctx, playground.Options{
		Name: "cluster", Dir: t.TempDir(), Binaries: paths,
		Without: []playground.Component{playground.ControllerManager, playground.Scheduler, playground.Kwok},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	for _, mediaType := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
		t.Run("nothing is changed/"+mediaType, func(t *testing.T) {
			t.Parallel()
			testNothingIsChanged(ctx, t, cluster, mediaType)
		})
	}
	for name, fault := range map[string]Fault{
		"latency":        {Latency: 100 * time.Millisecond, ExpireWatches: true},
		"unavailable":    {Unavailable: .5, ExpireWatches: true},
		"reset":          {Reset: .5, ExpireWatches: true},
		"silent":         {Silent: true},
		"silent for all": {Silent: true, Only: Resources("configmaps")},
		"refused":        {Refused: true},
		"expired":        {ExpireWatches: true},
		"unauthorized":   {Unauthorized: true, ExpireWatches: true},
		"forbidden":      {Forbidden: true, ExpireWatches: true},
		"empty":          {EmptyLists: true, ExpireWatches: true},
		"truncated":      {TruncatedLists: .5, ExpireWatches: true},
	} {
		t.Run("an informer recovers/"+name, func(t *testing.T) {
			t.Parallel()
			testInformerRecovers(ctx, t, cluster, fault)
		})
	}
	t.Run("a user has no more rights", func(t *testing.T) {
		t.Parallel()
		config, err := cluster.NodeConfig("virtual")
		if err != nil {
			t.Fatal(err)
		}
		client := clientOf(t, through(t, start(t, config)))
		_, err = client.CoreV1().Secrets("").List(ctx, metav1.ListOptions{})
		const want = `secrets is forbidden: User "spillway-node-virtual" cannot list resource "secrets" in API group "" at the cluster scope`
		if err == nil || err.Error() != want {
			t.Errorf("the node's list of secrets is answered %v", err)
		}
	})
}

// testNothingIsChanged compares lists and watches with what a client gets that goes to
// the API server directly. A list has the version of the whole cluster, and others write
// into that: two that differ by it alone are asked for again.
func testNothingIsChanged(ctx context.Context, t *testing.T, cluster *playground.Cluster, mediaType string) {
	proxied := through(t, start(t, cluster.AdminConfig()))
	var diff string
	for range 10 {
		if diff = changedBy(ctx, t, cluster, proxied, mediaType); diff == "" {
			return
		}
	}
	t.Errorf("-direct, +through the proxy:\n%s", diff)
}

// changedBy is what a client gets otherwise by a proxy.
func changedBy(ctx context.Context, t *testing.T, cluster *playground.Cluster, proxied *rest.Config, mediaType string) (diff string) {
	t.Helper()
	namespace := newNamespace(ctx, t, cluster)
	version := create(ctx, t, cluster, namespace, "a", "b", "c")

	var lists, watches [][]byte
	var streams []io.ReadCloser
	for _, config := range []*rest.Config{cluster.AdminConfig(), proxied} {
		config.ContentType = mediaType
		r := clientOf(t, config).CoreV1().RESTClient()
		list, err := r.Get().Namespace(namespace).Resource("configmaps").Do(ctx).Raw()
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, list)
		for _, initial := range []string{"", "true"} {
			w := r.Get().Namespace(namespace).Resource("configmaps").Param("watch", "true").Param("resourceVersion", version)
			if initial != "" {
				w.Param("sendInitialEvents", initial).Param("resourceVersionMatch", "NotOlderThan").Param("allowWatchBookmarks", "true")
			}
			stream, err := w.Stream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = stream.Close() })
			streams = append(streams, stream)
		}
	}
	create(ctx, t, cluster, namespace, "d")
	if err := cluster.Client().CoreV1().ConfigMaps(namespace).Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, stream := range streams {
		var events []byte
		info, _ := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), mediaType)
		frames := info.StreamSerializer.NewFrameReader(stream)
		for range []int{2, 6, 2, 6}[i] { // ADDED, DELETED; before them the three and the end of the list
			frame, err := readFrame(frames)
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, frame...)
		}
		watches = append(watches, events)
	}
	return cmp.Diff(lists[0], lists[1]) + cmp.Diff(watches[:2], watches[2:])
}

// testInformerRecovers has a fault bite an informer that has synced, changes
// what it watches meanwhile, and heals the fault.
func testInformerRecovers(ctx context.Context, t *testing.T, cluster *playground.Cluster, fault Fault) {
	namespace := newNamespace(ctx, t, cluster)
	create(ctx, t, cluster, namespace, "a", "b", "c")
	p := start(t, cluster.AdminConfig())
	config := through(t, p)
	config.ContentType = runtime.ContentTypeProtobuf
	factory := informers.NewSharedInformerFactoryWithOptions(clientOf(t, config), 0, informers.WithNamespace(namespace))
	lister := factory.Core().V1().ConfigMaps().Lister()
	informing, end := context.WithCancel(ctx)
	defer factory.Shutdown()
	defer end()
	factory.Start(informing.Done())
	waitNames(ctx, t, lister, "a", "b", "c")

	before := received(p)
	heal := p.Inject(fault)
	if fault.ExpireWatches {
		waitFor(ctx, t, "a request meets the fault", func() bool { return received(p) > before })
	}
	switch {
	case fault.EmptyLists:
		waitNames(ctx, t, lister)
	case fault.TruncatedLists > 0:
		waitNames(ctx, t, lister, "a")
	}
	create(ctx, t, cluster, namespace, "d")
	if err := cluster.Client().CoreV1().ConfigMaps(namespace).Delete(ctx, "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	heal()
	if fault.EmptyLists || fault.TruncatedLists > 0 {
		p.Inject(Fault{ExpireWatches: true})() // nobody tells it what its list left out
	}
	waitNames(ctx, t, lister, "a", "c", "d")
	if n := Writes(p.Requests()); n != 0 {
		t.Errorf("the informer wrote %d times", n)
	}
}

func newNamespace(ctx context.Context, t *testing.T, cluster *playground.Cluster) string {
	t.Helper()
	namespace, err := cluster.Client().CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "faults-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// create makes configmaps and returns the last one's resource version.
func create(ctx context.Context, t *testing.T, cluster *playground.Cluster, namespace string, names ...string) string {
	t.Helper()
	var version string
	for _, name := range names {
		made, err := cluster.Client().CoreV1().ConfigMaps(namespace).Create(ctx,
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		version = made.ResourceVersion
	}
	return version
}

// received is how many requests came to the proxy.
func received(p *Proxy) int {
	sum := 0
	for _, count := range p.Requests() {
		sum += count.Received
	}
	return sum
}

// waitFor waits as long as an informer of client-go may pause after it was refused
// several times: half a minute, and up to as much again by jitter.
func waitFor(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) { return holds(), nil })
	if err != nil {
		t.Fatalf("never: %s: %v", what, err)
	}
}

// waitNames waits until the informer knows just these.
func waitNames(ctx context.Context, t *testing.T, lister corelisters.ConfigMapLister, want ...string) {
	t.Helper()
	waitFor(ctx, t, fmt.Sprintf("the informer knows just %v", want), func() bool {
		objects, err := lister.List(labels.Everything())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, object := range objects {
			got = append(got, object.Name)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}
