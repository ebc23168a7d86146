package stories

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

// The stories here and in simulated_streams_test.go are those of e2e/containers, by
// the same names, as far as kwok can play their kubelet: no root is needed. What it
// cannot play:
//
//   - commands: it can run them on this machine, but for whoever asks, since it asks
//     nobody who they are. So no kubectl exec, and no kubectl cp;
//   - the input of a container that somebody attaches to, and ephemeral containers;
//   - figures of what pods use. API servers do not proxy to the nodes' address,
//     127.0.0.1, and kwok has no /stats/summary: so no kubectl top, no autoscaler;
//   - what containers find in their volumes.

//go:embed testdata/kubelets.yaml
var kubelets string

// The logs of a container's two lives, as a container runtime writes them.
const (
	previousLog = "2026-01-02T03:04:01Z stdout F life 1 line 1\n2026-01-02T03:04:02Z stdout F life 1 line 2\n"
	currentLog  = "2026-01-02T03:05:01Z stdout F life 2 line 1\n2026-01-02T03:05:02Z stderr F life 2 line 2\n2026-01-02T03:05:03Z stdout F life 2 line 3\n"
	agentLog    = "2026-01-02T03:05:01Z stdout F agent:1 runs\n"
)

// simulation writes the files that kwok needs to play the downstream kubelets into
// a new folder of dir, and returns what it is to answer.
func simulation(dir string) (string, error) {
	dir = filepath.Join(dir, "kubelets")
	errs := []error{os.Mkdir(dir, 0o755)}
	for name, content := range map[string]string{"previous.log": previousLog, "app.log": currentLog, "agent.log": agentLog, "screen.log": ""} {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return strings.ReplaceAll(kubelets, "DIR", dir), errors.Join(errs...)
}

// prints adds a line to a log that kwok serves.
func (s *story) prints(name, line string) {
	s.Helper()
	file, err := os.OpenFile(filepath.Join(s.dir, "kubelets", name), os.O_APPEND|os.O_WRONLY, 0)
	s.must("open the log", err)
	_, err = fmt.Fprintf(file, "%s stdout F %s\n", time.Now().UTC().Format(time.RFC3339Nano), line)
	s.must("write the log", errors.Join(err, file.Close()))
}

// runsOnEast creates a pod with an app and an agent, and waits until it runs on
// virtual node east and below it.
func (s *story) runsOnEast(name string) *corev1.Pod {
	s.Helper()
	pod := newPod(name)
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "agent", Image: "agent:1"})
	s.applies(manifest(s.T, pod))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	return s.pod(s.upstream, name)
}

// TestLogs: kubectl logs prints what the downstream kubelet has, with each of its
// options.
func TestLogs(t *testing.T) {
	s := tell(t, nil)
	s.runsOnEast("talker")
	logs := func(args ...string) string {
		t.Helper()
		out, _, err := s.upstream.Kubectl(s.ctx, "", append([]string{"-n", s.namespace, "logs", "talker", "-c", "app"}, args...)...)
		s.must("read the log", err)
		return out
	}
	const all = "life 2 line 1\nlife 2 line 2\nlife 2 line 3\n"
	for _, tc := range []struct{ option, want string }{
		{"", all},
		{"--tail=1", "life 2 line 3\n"},
		{"--tail=0", ""},
		{"--tail=-1", all},
		{"--limit-bytes=6", "life 2"},
		{"--timestamps --tail=1", "2026-01-02T03:05:03.000000000Z life 2 line 3\n"},
		{"--since-time=2026-01-02T03:05:02Z", "life 2 line 2\nlife 2 line 3\n"},
		{"--since=1s", ""},
		{"--previous", "life 1 line 1\nlife 1 line 2\n"},
		{"--previous --tail=1", "life 1 line 2\n"},
		{"-c agent", "agent:1 runs\n"},
	} {
		if got := logs(strings.Fields(tc.option)...); got != tc.want {
			t.Errorf("kubectl logs %s prints %q, want %q", tc.option, got, tc.want)
		}
	}
	s.follows()
}

// follows reads the last line, then the one that is printed meanwhile, and stops.
func (s *story) follows() {
	s.Helper()
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	log, err := s.upstream.Client().CoreV1().Pods(s.namespace).
		GetLogs("talker", &corev1.PodLogOptions{Container: "app", Follow: true, TailLines: new(int64(1))}).Stream(ctx)
	s.must("follow the log", err)
	defer func() { _ = log.Close() }()
	for _, want := range []string{"life 2 line 3\n", "late\n"} {
		line := make([]byte, len(want))
		if _, err := io.ReadFull(log, line); err != nil || string(line) != want {
			s.Fatalf("following, one reads %q (%v), want %q", line, err, want)
		}
		s.prints("app.log", "late")
	}
	stop()
	if _, err := io.ReadAll(log); !errors.Is(err, context.Canceled) {
		s.Errorf("the log goes on, or ended with %v", err)
	}
}

// TestSummary: the virtual node names its pods and their containers, by what they
// are called upstream, also where it can have no figures of them.
func TestSummary(t *testing.T) {
	s := tell(t, nil)
	pod := s.runsOnEast("counted")
	config := s.upstream.AdminConfig()
	httpClient, err := rest.HTTPClientFor(config)
	s.must("make a client", err)
	s.eventually("the summary has the pod", func(ctx context.Context) error {
		summary, err := s.summary(ctx, httpClient)
		if err != nil {
			return err
		}
		for _, counted := range summary.Pods {
			if counted.PodRef.UID != string(pod.UID) {
				continue
			}
			want := statsv1alpha1.PodReference{Namespace: s.namespace, Name: pod.Name, UID: string(pod.UID)}
			if diff := cmp.Diff(want, counted.PodRef); diff != "" {
				s.Errorf("the pod -want +got:\n%s", diff)
			}
			var names []string
			for _, container := range counted.Containers {
				names = append(names, container.Name)
			}
			if diff := cmp.Diff([]string{"app", "agent"}, names); diff != "" || counted.CPU != nil {
				s.Errorf("its containers -want +got, with CPU %v:\n%s", counted.CPU, diff)
			}
			return nil
		}
		return fmt.Errorf("it has %d others", len(summary.Pods))
	})
}

// summary asks the kubelet API of east itself.
func (s *story) summary(ctx context.Context, client *http.Client) (statsv1alpha1.Summary, error) {
	var summary statsv1alpha1.Summary
	node, err := s.upstream.Client().CoreV1().Nodes().Get(ctx, "east", metav1.GetOptions{})
	if err != nil {
		return summary, err
	}
	address := net.JoinHostPort(node.Status.Addresses[0].Address, strconv.Itoa(int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/stats/summary", http.NoBody)
	if err != nil {
		return summary, err
	}
	response, err := client.Do(request)
	if err != nil {
		return summary, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return summary, errors.New(response.Status)
	}
	return summary, json.NewDecoder(response.Body).Decode(&summary)
}

// volumeMetadata are those of the founding pod's volume.
const volumeMetadata = "kind: PersistentVolume\nmetadata: {name: vk-demo"

// TestFoundingPod: the pod that is aimed at the virtual node by hand, without opting
// in, runs with its config map, its secret and its claim. Of ten nodes downstream,
// its author names the one with the volume's directory.
func TestFoundingPod(t *testing.T) {
	s := tell(t, nil)
	text, err := os.ReadFile(filepath.Join("..", "containers", "testdata", "founding-pod.yaml"))
	s.must("read the founding pod", err)
	founding := strings.NewReplacer("vk-node", "east", volumeMetadata, volumeMetadata+", annotations: {"+api.DownstreamNodeAnnotation+": ssd-a}").Replace(string(text))
	before, _, _ := strings.Cut(founding, "---\napiVersion: v1\nkind: PersistentVolumeClaim\n")
	s.applies(before)
	// A claim that is there before its volume may wait for the controller manager's next round.
	s.eventually("the volume can be had", s.shows(s.upstream, "pv", "vk-demo", "{.status.phase}", "Available"))
	s.applies(founding)
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	if node := s.pod(s.downstream, "vk-demo").Spec.NodeName; node != "ssd-a" {
		t.Errorf("downstream it is on %s", node)
	}
	s.eventually("its claim upstream is bound", s.shows(s.upstream, "pvc", "vk-demo", "{.status.phase} {.spec.volumeName}", "Bound vk-demo"))
	// The claim downstream has the labels of the one upstream, and a volume of ours.
	s.eventually("its claim downstream is bound", s.shows(s.downstream, "pvc", "vk-demo", "{.status.phase} {.metadata.labels.app}", "Bound nginx"))
	claim, err := s.downstream.Client().CoreV1().PersistentVolumeClaims(s.namespace).Get(s.ctx, "vk-demo", metav1.GetOptions{})
	s.must("get the claim", err)
	s.must("see its volume", s.shows(s.downstream, "pv", claim.Spec.VolumeName, "{.spec.persistentVolumeReclaimPolicy} {.spec.local.path}", "Retain /tmp/example")(s.ctx))
	twin := s.pod(s.downstream, "vk-demo")
	for _, volume := range twin.Spec.Volumes {
		switch {
		case volume.ConfigMap != nil:
			s.must("see the config map", s.shows(s.downstream, "configmap", volume.ConfigMap.Name, "{.data.username}", "vk-demo")(s.ctx))
		case volume.Secret != nil:
			s.must("see the secret", s.shows(s.downstream, "secret", volume.Secret.SecretName, "{.data.USER_NAME}", "YWRtaW4=")(s.ctx))
		case volume.PersistentVolumeClaim == nil || volume.PersistentVolumeClaim.ClaimName != "vk-demo":
			t.Errorf("it has the volume %s", toJSON(t, volume))
		}
	}
	if n := len(twin.Spec.Volumes); n != 3 {
		t.Errorf("it has %d volumes, want 3", n)
	}
}

// shows checks what kubectl get prints of an object.
func (s *story) shows(cluster *playground.Cluster, kind, name, path, want string) func(context.Context) error {
	return func(ctx context.Context) error {
		got, _, err := cluster.Kubectl(ctx, "", "-n", s.namespace, "get", kind, name, "-o=jsonpath="+path)
		if err == nil && got != want {
			err = fmt.Errorf("%s %s is %q, want %q", kind, name, got, want)
		}
		return err
	}
}
