package translate_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

var update = flag.Bool("update", false, "rewrite want.yaml of the golden files")

const upstreamID = "0b6bd9a0-0000-4000-8000-000000000001"

// TestPod runs every file of testdata. It stands for `spillway recover` as much
// as for the virtual node.
func TestPod(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			id, upstream := readCase(t, archive)
			before := upstream.DeepCopy()
			got := render(translate.Pod(upstream, id))
			if diff := cmp.Diff(before, upstream); diff != "" {
				t.Errorf("Pod() modified its argument: -before +after:\n%s", diff)
			}
			want := string(section(archive, "want.yaml"))
			if *update {
				setSection(archive, "want.yaml", []byte(got))
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s-want +got:\n%s", archive.Comment, diff)
			}
		})
	}
}

// TestPodSharesNothing: a caller may do with the result what it likes.
func TestPodSharesNothing(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/own-token-and-volumes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	id, upstream := readCase(t, archive)
	before := upstream.DeepCopy()
	downstream, err := translate.Pod(upstream, id)
	if err != nil {
		t.Fatal(err)
	}
	downstream.Labels["x"] = "y"
	downstream.Spec.Containers[0].Image = "other"
	downstream.Spec.Containers[0].VolumeMounts[0].Name = "other"
	downstream.Spec.HostAliases[0].Hostnames[0] = "other"
	*downstream.Spec.ActiveDeadlineSeconds = 1
	if diff := cmp.Diff(before, upstream); diff != "" {
		t.Errorf("changing the downstream pod changed the upstream one: -before +after:\n%s", diff)
	}
}

// TestEveryFieldIsDecided fails for a field of the PodSpec that a new version of
// the API has and nobody thought about. Decision 0007 gives the reasons.
func TestEveryFieldIsDecided(t *testing.T) {
	const (
		kept      = "kept"
		dropped   = "stays upstream"
		recovered = "from the stash"
		replaced  = "replaced"
	)
	decided := map[string]string{
		"Volumes": kept, "InitContainers": kept, "Containers": kept, "EphemeralContainers": dropped, "RestartPolicy": kept,
		"TerminationGracePeriodSeconds": kept, "ActiveDeadlineSeconds": kept, "DNSPolicy": kept, "NodeSelector": recovered,
		"ServiceAccountName": dropped, "DeprecatedServiceAccount": dropped, "AutomountServiceAccountToken": replaced, "NodeName": dropped,
		"HostNetwork": kept, "HostPID": kept, "HostIPC": kept, "ShareProcessNamespace": kept, "SecurityContext": kept,
		"ImagePullSecrets": kept, "Hostname": kept, "Subdomain": kept, "Affinity": recovered, "SchedulerName": dropped,
		"Tolerations": recovered, "HostAliases": kept, "PriorityClassName": dropped, "Priority": dropped, "DNSConfig": kept,
		"ReadinessGates": dropped, "RuntimeClassName": kept, "EnableServiceLinks": kept, "PreemptionPolicy": dropped, "Overhead": dropped,
		"TopologySpreadConstraints": recovered, "SetHostnameAsFQDN": kept, "OS": kept, "HostUsers": kept, "SchedulingGates": dropped,
		"ResourceClaims": kept, "Resources": kept, "HostnameOverride": kept, "SchedulingGroup": dropped, "EvictionResponders": dropped,
	}
	for field := range reflect.TypeFor[corev1.PodSpec]().Fields() {
		upstream := &corev1.Pod{}
		fill(reflect.ValueOf(&upstream.Spec).Elem().FieldByIndex(field.Index))
		downstream, err := translate.Pod(upstream, translate.Identity{Node: stash.VirtualNode{Name: "east"}})
		if err != nil {
			t.Errorf("%s: %v", field.Name, err)
			continue
		}
		got := reflect.ValueOf(downstream.Spec).FieldByIndex(field.Index)
		same := reflect.DeepEqual(got.Interface(), reflect.ValueOf(upstream.Spec).FieldByIndex(field.Index).Interface())
		switch decided[field.Name] {
		case kept, recovered:
			if !same {
				t.Errorf("%s is to be %s, but was changed to %v", field.Name, decided[field.Name], got)
			}
		case dropped:
			if !got.IsZero() {
				t.Errorf("%s is to stay upstream, but downstream is %v", field.Name, got)
			}
		case replaced:
			if same {
				t.Errorf("%s is to be replaced, but was kept", field.Name)
			}
		default:
			t.Errorf("PodSpec.%s: nobody decided whether it goes downstream", field.Name)
		}
	}
}

// fill gives a field a value other than zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key := reflect.New(v.Type().Key()).Elem()
		fill(key)
		v.SetMapIndex(key, reflect.New(v.Type().Elem()).Elem())
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	default:
	}
}

// readCase reads node.yaml and upstream.yaml.
func readCase(t *testing.T, archive *txtar.Archive) (translate.Identity, *corev1.Pod) {
	t.Helper()
	var node struct {
		Name   string
		Labels map[string]string
	}
	if err := yaml.UnmarshalStrict(section(archive, "node.yaml"), &node); err != nil {
		t.Fatalf("node.yaml: %v", err)
	}
	upstream := &corev1.Pod{}
	if err := yaml.UnmarshalStrict(section(archive, "upstream.yaml"), upstream); err != nil {
		t.Fatalf("upstream.yaml: %v", err)
	}
	return translate.Identity{
		UpstreamID: upstreamID,
		Node:       stash.VirtualNode{Name: node.Name, Labels: node.Labels, RoutingKeys: stash.DefaultRoutingKeys()},
	}, upstream
}

func render(pod *corev1.Pod, err error) string {
	var unreadable *stash.Error
	switch {
	case errors.Is(err, stash.ErrNotRouted):
		return "error: not routed\n"
	case errors.As(err, &unreadable):
		return "error: unreadable annotation " + unreadable.Annotation + "\n"
	case err != nil:
		return "error: " + err.Error() + "\n"
	}
	text, err := yaml.Marshal(pod)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return string(text)
}

func section(archive *txtar.Archive, name string) []byte {
	for _, f := range archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func setSection(archive *txtar.Archive, name string, data []byte) {
	for i := range archive.Files {
		if archive.Files[i].Name == name {
			archive.Files[i].Data = data
		}
	}
}
