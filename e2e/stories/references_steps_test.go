package stories

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// Words for stories about what pods refer to.

// refers is a pod for a virtual node with a ConfigMap in a volume and a Secret in
// its environment. An empty name leaves one out.
func refers(name, virtualNode, configMap, secret string, optional bool) *corev1.Pod {
	pod := newPod(name)
	pod.Spec.NodeSelector = map[string]string{"clusterID": virtualNode}
	app := &pod.Spec.Containers[0]
	if configMap != "" {
		pod.Spec.Volumes = []corev1.Volume{{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: configMap}, Optional: &optional,
		}}}}
		app.VolumeMounts = []corev1.VolumeMount{{Name: "settings", MountPath: "/settings"}}
	}
	if secret != "" {
		app.Env = []corev1.EnvVar{{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "key", Optional: &optional,
		}}}}
	}
	return pod
}

// settings is the ConfigMap that pods refer to, and keys the Secret.
func settings(value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "settings", Labels: map[string]string{"team": "shop"}}, Data: map[string]string{"key": value},
	}
}

func keys(value string) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: "keys", Labels: map[string]string{"team": "shop"}}, StringData: map[string]string{"key": value},
	}
}

// copied waits until the downstream cluster has the ConfigMap "settings" and the
// Secret "keys" with these values; an empty value means that there is none.
func (s *story) copied(plain, hidden string) {
	s.Helper()
	s.eventually(fmt.Sprintf("the copies are %q and %q", plain, hidden), func(ctx context.Context) error {
		client := s.downstream.Client().CoreV1()
		m, err := client.ConfigMaps(s.namespace).Get(ctx, "settings", metav1.GetOptions{})
		first := compare("settings", plain, m.Data, err)
		x, err := client.Secrets(s.namespace).Get(ctx, "keys", metav1.GetOptions{})
		data := make(map[string]string)
		for key, value := range x.Data {
			data[key] = string(value)
		}
		return errors.Join(first, compare("keys", hidden, data, err))
	})
}

func compare(name, want string, got map[string]string, err error) error {
	switch {
	case want == "" && apierrors.IsNotFound(err):
		return nil
	case want == "" && err == nil:
		return fmt.Errorf("%s exists", name)
	case err != nil:
		return err
	case !maps.Equal(got, map[string]string{"key": want}):
		return fmt.Errorf("%s is %v, want the value %q", name, got, want)
	}
	return nil
}

// phase waits until an upstream pod has a phase.
func (s *story) phase(name string, want corev1.PodPhase) {
	s.Helper()
	s.eventually(fmt.Sprintf("pod %s is %s", name, want), func(context.Context) error {
		if phase := s.pod(s.upstream, name).Status.Phase; phase != want {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
}

// hears waits for an event about an upstream pod with that reason, and each of the
// words in its text.
func (s *story) hears(pod, reason string, words ...string) {
	s.Helper()
	s.eventually(fmt.Sprintf("an event %s about pod %s", reason, pod), func(ctx context.Context) error {
		events, err := s.upstream.Client().CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + pod})
		if err != nil {
			return err
		}
		var heard []string
		for i := range events.Items {
			e := &events.Items[i]
			heard = append(heard, e.Reason+": "+e.Message)
			if e.Reason == reason && containsAll(e.Message, words) {
				return nil
			}
		}
		return fmt.Errorf("heard only %q", heard)
	})
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// deletes deletes upstream pods at once.
func (s *story) deletes(pods ...string) {
	s.Helper()
	for _, name := range pods {
		s.must("delete pod "+name, s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, name, metav1.DeleteOptions{}))
		s.eventually("pod "+name+" is gone", func(ctx context.Context) error {
			return errors.Join(isGone(ctx, s.upstream, s.namespace, name), isGone(ctx, s.downstream, s.namespace, name))
		})
	}
}

// nowhere looks for a text where no Secret's value may be: what the virtual node
// logs and measures, the events of both clusters, and the downstream pods.
func (s *story) nowhere(hidden string, node *playground.VirtualNode) {
	s.Helper()
	log, err := os.ReadFile(node.LogFile())
	s.must("read the log", err)
	if !strings.Contains(string(log), "Wrote a copy") {
		s.Error("the log does not tell of copies: it is the wrong one")
	}
	places := map[string]string{"the log": string(log), "the metrics": s.fetch(node.Metrics + "/metrics")}
	if !strings.Contains(places["the metrics"], "spillway_node_copies{") {
		s.Error("the metrics do not count copies: they are the wrong ones")
	}
	for _, cluster := range []*playground.Cluster{s.upstream, s.downstream} {
		events, _, err := cluster.Kubectl(s.ctx, "", "get", "events,pods,configmaps", "-n", s.namespace, "-o", "yaml")
		s.must("get the events", err)
		places["events and pods "+cluster.Name()] = events
	}
	for place, text := range places {
		if strings.Contains(text, hidden) {
			s.Errorf("the value of a Secret is in %s", place)
		}
	}
}

// logged counts the lines of a virtual node's log that have all of the words.
func (s *story) logged(node *playground.VirtualNode, words ...string) int {
	s.Helper()
	log, err := os.ReadFile(node.LogFile())
	s.must("read the log", err)
	n := 0
	for line := range strings.Lines(string(log)) {
		if containsAll(line, words) {
			n++
		}
	}
	return n
}

func (s *story) fetch(url string) string {
	s.Helper()
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, url, http.NoBody)
	s.must("ask "+url, err)
	response, err := http.DefaultClient.Do(request)
	s.must("ask "+url, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	s.must("read "+url, err)
	return string(text)
}
