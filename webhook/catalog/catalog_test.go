package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// cluster tells a catalog what happens, as caches do.
type cluster struct {
	t               *testing.T
	sets, revisions *controllertest.FakeInformer
	catalog         *catalog.Catalog
}

func watched(t *testing.T, namespace string) *cluster {
	t.Helper()
	caches := &informertest.FakeInformers{}
	c := &cluster{t: t, catalog: catalog.New(namespace)}
	if sets := c.catalog.Sets(); len(sets) > 0 {
		t.Errorf("before anything is known there are %d sets", len(sets))
	}
	if err := c.catalog.Watch(t.Context(), caches); err != nil {
		t.Fatal(err)
	}
	for into, object := range map[**controllertest.FakeInformer]client.Object{&c.sets: catalog.NewObject(), &c.revisions: &appsv1.ControllerRevision{}} {
		informer, err := caches.FakeInformerFor(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		*into = informer
	}
	return c
}

// read turns YAML into an object as caches hold it.
func read[T client.Object](t *testing.T, text string, into T) T {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return into
}

// object is a SidecarSet as caches hold it; its kind goes without saying.
func (c *cluster) object(text string) client.Object {
	return read(c.t, "{apiVersion: apps.kruise.io/v1alpha1, kind: SidecarSet, "+strings.TrimPrefix(text, "{"), catalog.NewObject())
}

func (c *cluster) add(text string) { c.sets.Add(c.object(text)) }

func (c *cluster) update(text string) { c.sets.Update(c.object(text), c.object(text)) }

func (c *cluster) revision(text string) *appsv1.ControllerRevision {
	revision := read(c.t, text, &appsv1.ControllerRevision{})
	c.revisions.Add(revision)
	return revision
}

// injected says what the sets put into a pod: the images, or why not.
func (c *cluster) injected() (all []string) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}}
	pod.Spec.Containers = []corev1.Container{{Name: "app"}}
	result := sidecar.Inject(sidecar.Subject{Pod: pod, Namespace: sidecar.Namespace{Name: "default"}}, c.catalog.Sets())
	for _, container := range result.Pod.Spec.Containers {
		if container.Name != "app" {
			all = append(all, container.Image)
		}
	}
	for _, failure := range result.Failures {
		all = append(all, fmt.Sprintf("%s(%s): %v", failure.Set, failure.UID, failure.Err))
	}
	return all
}

func (c *cluster) expect(when string, want ...string) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.injected()); diff != "" {
		c.t.Errorf("%s: -want +got: %s", when, diff)
	}
}

func set(name, image, more string) string {
	return fmt.Sprintf(`{metadata: {name: %s, uid: u-%s}, spec: {selector: {matchLabels: {app: web}}, containers: [{name: %s, image: %q}]%s}}`, name, name, name, image, more)
}

// TestSets: what is added, changed and deleted, sorted by name.
func TestSets(t *testing.T) {
	c := watched(t, "spillway-system")
	c.expect("in the beginning")
	c.add(set("b", "b:1", ""))
	c.add(set("c", "c:1", ""))
	c.add(set("a", "a:1", ""))
	c.expect("added", "a:1", "b:1", "c:1")
	before := c.catalog.Sets()
	c.update(set("b", "b:2", ""))
	c.expect("changed", "a:1", "b:2", "c:1")
	if before[1].Object.Spec.Containers[0].Image != "b:1" {
		t.Error("what an admission holds has changed under its hands")
	}
	gone := catalog.NewObject()
	gone.SetName("a")
	c.sets.Delete(gone)
	c.expect("deleted", "b:2", "c:1")
	c.update(strings.Replace(set("c", "c:1", ""), "metadata: {", `metadata: {deletionTimestamp: "2026-01-02T03:04:05Z", `, 1))
	c.expect("being deleted", "b:2")
}

// caught is an informer whose handler a test can call as informers do.
type caught struct {
	*controllertest.FakeInformer
	handler toolscache.ResourceEventHandler
}

// AddEventHandler catches the handler.
func (c *caught) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	c.handler = handler
	return c.FakeInformer.AddEventHandler(handler)
}

// TestLastKnown: the cache missed that a set was deleted, and tells what it knew.
func TestLastKnown(t *testing.T) {
	sets := &caught{FakeInformer: controllertest.NewFakeInformer(controllertest.Synced)}
	caches := &informertest.FakeInformers{InformersByGVK: map[schema.GroupVersionKind]toolscache.SharedIndexInformer{catalog.NewObject().GroupVersionKind(): sets}}
	c := &cluster{t: t, sets: sets.FakeInformer, catalog: catalog.New("")}
	if err := c.catalog.Watch(t.Context(), caches); err != nil {
		t.Fatal(err)
	}
	c.add(set("a", "a:1", ""))
	c.expect("added", "a:1")
	sets.handler.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "a", Obj: c.object(set("a", "a:1", ""))})
	c.expect("deleted")
	sets.handler.OnAdd("what is no object", false)
	c.expect("no panic")
}

// TestNotUnderstood: fields that the type has no place for, and objects that it
// cannot hold, keep the set out of pods, and say why.
func TestNotUnderstood(t *testing.T) {
	cases := map[string]struct {
		reason, set, want string
	}{
		"unknown-in-container": {"a field of Kruise 1.9", set("a", "a:1", `, initContainers: [{name: i, image: "i:1", resourcesPolicy: {}}]`), `a(u-a): this version of Spillway does not know: unknown field "spec.initContainers[0].resourcesPolicy"`},
		"unknown-in-spec":      {"a field of Kruise 1.9", set("a", "a:1", `, customVersion: v2`), `a(u-a): this version of Spillway does not know: unknown field "spec.customVersion"`},
		"unknown-in-volume":    {"volumes are part of it", set("a", "a:1", `, volumes: [{name: v, future: {}}]`), `a(u-a): this version of Spillway does not know: unknown field "spec.volumes[0].future"`},
		"unknown-in-status":    {"what a controller writes says nothing of what is to be injected", strings.TrimSuffix(set("a", "a:1", ""), "}") + ", status: {future: 1, latestRevision: a-1}}", "a:1"},
		"unknown-in-metadata":  {"nor does what a newer API server writes", strings.Replace(set("a", "a:1", ""), "metadata: {", "metadata: {future: 1, ", 1), "a:1"},
		"another-type":         {"containers have no schema", set("a", "a:1", `, initContainers: [{name: i, image: "i:1", ports: none}]`), `a(u-a): cannot read the SidecarSet: `},
		"another-type-scoped":  {"it is about this namespace", set("a", "a:1", `, namespace: default, initContainers: 7`), `a(u-a): cannot read the SidecarSet: `},
		"another-type-other":   {"whom it is not about need not hear of it", strings.Replace(set("a", "a:1", `, initContainers: 7`), "app: web", "app: db", 1), ""},
		"another-type-away":    {"nor those in other namespaces", set("a", "a:1", `, namespace: other, initContainers: 7`), ""},
		"selector-unreadable":  {"nobody knows whom it is about", `{metadata: {name: a}, spec: {selector: 7, containers: [{name: a, image: "a:1"}]}}`, ""},
		"spec-unreadable":      {"nothing is known of it", `{metadata: {name: a}, spec: 7}`, ""},
		"no-spec":              {"nothing is in it", `{metadata: {name: a}}`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := watched(t, "")
			c.add(set("b", "b:1", ""))
			c.add(tc.set)
			got := strings.Join(c.injected(), " ")
			if strings.HasPrefix(tc.want, "a(") {
				tc.want = "b:1 " + tc.want
			} else {
				tc.want = strings.TrimSpace(tc.want + " b:1")
			}
			if !strings.HasPrefix(got, tc.want) || strings.HasSuffix(tc.want, "b:1") && got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
			}
			if strings.Contains(got, "cannot read") && strings.Contains(got, "Required") {
				t.Errorf("%s: what could not be read is missed: %s", tc.reason, got)
			}
			c.update(set("a", "a:2", ""))
			c.expect("repaired", "a:2", "b:1")
		})
	}
}

const revisionOf = `{metadata: {name: %s, namespace: spillway-system, labels: {kruise.io/sidecarset-name: %s, apps.kruise.io/sidecarset-custom-version: %s}}, revision: %d, data: {spec: {containers: [{name: %s, image: %q}]}}}`

// TestPinned: revisions come and go, before and after the set that asks for them.
func TestPinned(t *testing.T) {
	c := watched(t, "spillway-system")
	c.revision(fmt.Sprintf(revisionOf, "a-1", "a", "old", 1, "a", "a:1"))
	c.revision(fmt.Sprintf(revisionOf, "b-9", "b", "old", 9, "b", "b:9"))
	c.add(set("a", "a:5", ", injectionStrategy: {revision: {revisionName: a-1}}"))
	c.expect("by name", "a:1")
	c.update(set("a", "a:5", ", injectionStrategy: {revision: {revisionName: a-2}}"))
	c.expect("not there yet", `a(u-a): spec.injectionStrategy.revision.revisionName: the set has no ControllerRevision "a-2"`)
	second := c.revision(fmt.Sprintf(revisionOf, "a-2", "a", "old", 2, "a", "a:2"))
	c.expect("it comes later", "a:2")
	c.update(set("a", "a:5", ", injectionStrategy: {revision: {customVersion: old}}"))
	c.expect("the latest of a version", "a:2")
	c.revision(fmt.Sprintf(revisionOf, "a-3", "a", "old", 3, "a", "a:3"))
	c.expect("a later one of the version", "a:3")
	c.revision(fmt.Sprintf(revisionOf, "a-4", "a", "new", 4, "a", "a:4"))
	c.expect("one of another version", "a:3")
	bumped := second.DeepCopy()
	bumped.Revision = 5
	c.revisions.Update(second, bumped)
	c.expect("a rollback bumps a revision", "a:2")
	c.revisions.Delete(bumped)
	c.expect("it is deleted", "a:3")
	c.update(set("a", "a:5", ""))
	c.expect("nothing is pinned any more", "a:5")
	c.revision(fmt.Sprintf(revisionOf, "a-6", "a", "old", 6, "a", "a:6"))
	c.expect("revisions are nothing to it", "a:5")
}

// TestWithoutNamespace: nobody has said where revisions are.
func TestWithoutNamespace(t *testing.T) {
	c := watched(t, "")
	c.revision(fmt.Sprintf(revisionOf, "a-1", "a", "old", 1, "a", "a:1"))
	c.add(set("a", "a:5", ", injectionStrategy: {revision: {revisionName: a-1}}"))
	c.expect("they are not looked for", `a(u-a): spec.injectionStrategy.revision.revisionName: the set has no ControllerRevision "a-1"`)
	if options := catalog.CacheOptions(""); len(options) > 0 {
		t.Errorf("revisions are watched: %v", options)
	}
}

// TestWatchFails: no kind, and no end of waiting.
func TestWatchFails(t *testing.T) {
	boom := errors.New("no matches for kind")
	if err := catalog.New("").Watch(t.Context(), &informertest.FakeInformers{Error: boom}); !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	caches := &informertest.FakeInformers{InformersByGVK: map[schema.GroupVersionKind]toolscache.SharedIndexInformer{
		catalog.NewObject().GroupVersionKind(): controllertest.NewFakeInformer(),
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := catalog.New("").Watch(ctx, caches); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline", err)
	}
}
