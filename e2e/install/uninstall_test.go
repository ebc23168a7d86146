package install

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
)

// uninstalls removes the release, and nothing of the users'. What they create from
// then on is as if Spillway had never been there.
func (s *story) uninstalls() {
	before := s.everything()
	// Helm logs what the chart's hook prints, as one line.
	said := strings.ReplaceAll(s.helm("", "uninstall", release), `\n`, "\n")
	s.Log(said)
	for _, words := range []string{
		"Pods on virtual nodes (6): default/", "Virtual nodes: " + virtualNode, "WorkloadSpreads: default/shop",
		"Definitions: workloadspreads.apps.kruise.io, sidecarsets.apps.kruise.io", "Secrets: " + secretName,
	} {
		if !strings.Contains(said, words) {
			s.Errorf("helm uninstall does not say %q", words)
		}
	}
	s.eventually("nothing of Spillway runs", func(ctx context.Context) error {
		pods, err := s.upstream.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods do", len(pods.Items))
		}
		return err
	})
	s.unchanged(before)
	if left := s.kubectl(s.upstream, "", "get", "workloadspreads/shop", "crd/sidecarsets.apps.kruise.io", "-o", "name"); len(strings.Fields(left)) != 2 {
		s.Errorf("of the policies and their kinds there is %q", left)
	}
	s.mayGo(s.upstream)
	s.mayGo(s.downstream)
	pod, err := s.upstream.Client().CoreV1().Pods(corev1.NamespaceDefault).Create(s.ctx, gatedPod(api.OptedIn), metav1.CreateOptions{})
	s.must("create a pod", err)
	if len(pod.Annotations) > 0 {
		s.Errorf("somebody has changed a new pod: %v", pod.Annotations)
	}
	s.ownsNothing()
}

// mayGo sees that no object of the users, nor one that stands for them, waits for
// somebody before it can be deleted.
func (s *story) mayGo(cluster *playground.Cluster) {
	s.Helper()
	kinds := "pods,replicasets,deployments,configmaps,secrets,services,serviceaccounts"
	if cluster == s.upstream {
		kinds += ",workloadspreads.apps.kruise.io"
	}
	const each = `-o=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.finalizers}{"\n"}{end}`
	objects := s.kubectl(cluster, "", "get", kinds, "-n", corev1.NamespaceDefault, each) + s.kubectl(cluster, "", "get", "nodes", each)
	for object := range strings.Lines(objects) {
		if name, finalizers, _ := strings.Cut(strings.TrimSpace(object), " "); finalizers != "" {
			s.Errorf("%s: %s has the finalizers %s", cluster.Name(), name, finalizers)
		}
	}
}

// ownsNothing sees that no rights and no webhooks of the release are left.
func (s *story) ownsNothing() {
	s.Helper()
	left := s.kubectl(s.upstream, "", "get", "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings",
		"-l", "app.kubernetes.io/instance="+release, "-o", "name")
	if left != "" {
		s.Errorf("what is left of the release: %s", left)
	}
	s.Logf("left in namespace %s:\n%s", namespace, s.ours("get", "secrets,configmaps,leases,controllerrevisions", "-o", "name"))
}

// installsAgain goes on with all pods that were left.
func (s *story) installsAgain() {
	before := s.everything()
	s.installs()
	s.unchanged(before)
	s.looksInside()
}
