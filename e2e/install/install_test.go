package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/binaries"
)

const (
	// storyTimeout is for all of it, which takes a minute and a half on a quiet machine.
	storyTimeout = 10 * time.Minute

	release     = "spillway"
	namespace   = "spillway-system"
	virtualNode = "east"
)

// The images of the workloads, which are the demo's.
const (
	webImage  = "example.com/web:1"
	shopImage = "example.com/shop:1"
)

// TestInstall is the life of an installation.
func TestInstall(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
	defer cancel()
	s := &story{T: t, ctx: ctx, stage: &stage{}}
	s.phase("two clusters with kubelets", func(s *story) { s.must("set the stage", s.set(ctx)) })
	s.phase("helm install", (*story).installs)
	s.phase("quickstart", (*story).quickstart)
	s.phase("logs and exec", (*story).looksInside)
	s.phase("doctor", (*story).isWell)
	s.phase("helm upgrade under load", (*story).upgrades)
	s.phase("webhooks killed under load", (*story).losesReplicas)
	s.phase("no webhook at all", (*story).losesAll)
	s.phase("the kubeconfig's token revoked and replaced", (*story).rotates)
	s.phase("helm uninstall", (*story).uninstalls)
	s.phase("helm install again", (*story).installsAgain)
}

// installs does what the README says, in a namespace that lets only restricted
// pods in, and waits until pods are admitted and the virtual node takes them.
func (s *story) installs() {
	s.must("make the namespace", s.upstream.Apply(s.ctx, fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels: {pod-security.kubernetes.io/enforce: restricted}`, namespace)))
	s.grants()
	s.must("write the kubeconfig", s.upstream.Apply(s.ctx, s.secret()))
	begun := time.Now()
	s.helmApplies("install", version)
	s.Logf("helm install has ended: %.1f s", time.Since(begun).Seconds())
	s.rolledOut()
	s.Logf("webhook and virtual node are ready: %.1f s", time.Since(begun).Seconds())
	s.eventually("pods that opt in are handled", func(ctx context.Context) error {
		pod, err := s.upstream.Client().CoreV1().Pods(corev1.NamespaceDefault).
			Create(ctx, gatedPod(api.OptedIn), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		return handled(pod)
	})
	s.Logf("helm install to the first pod admitted: %.1f s", time.Since(begun).Seconds())
}

// workload reads one of the demo's.
func (s *story) workload(name string) string {
	s.Helper()
	root, err := binaries.Root()
	s.must("find the workloads", err)
	content, err := os.ReadFile(filepath.Join(root, "e2e", "cmd", "demo", "workloads", name+".yaml"))
	s.must("read a workload", err)
	return string(content)
}

// quickstart runs a workload that overflows, and one that has two pods at home.
func (s *story) quickstart() {
	begun := time.Now()
	for _, name := range []string{"web", "shop-spread", "shop"} {
		s.kubectl(s.upstream, s.workload(name), "apply", "-f", "-")
	}
	web := s.run(s.upstream, "app=web", 2)
	shop := s.run(s.upstream, "app=shop", 5)
	s.Logf("seven pods run: %.1f s", time.Since(begun).Seconds())
	below := map[string]corev1.Pod{}
	for _, pod := range append(s.run(s.downstream, "app=web", 2), s.run(s.downstream, "app=shop", 3)...) {
		below[pod.Name] = pod
	}
	home := 0
	for _, pod := range append(web, shop...) {
		twin, elsewhere := below[pod.Name]
		if !elsewhere {
			home++
			if pod.Labels["app"] == "web" || pod.Spec.NodeName != ownNode {
				s.Errorf("%s is on %s", pod.Name, pod.Spec.NodeName)
			}
			continue
		}
		at, runs := pod.Status.ContainerStatuses[0], twin.Status.ContainerStatuses[0]
		if pod.Spec.NodeName != virtualNode || twin.Spec.NodeName != remoteNode || pod.Status.PodIP != twin.Status.PodIP || at.ContainerID != runs.ContainerID {
			s.Errorf("%s is on %s as %s, and runs on %s as %s", pod.Name, pod.Spec.NodeName, at.ContainerID, twin.Spec.NodeName, runs.ContainerID)
		}
	}
	if home != 2 {
		s.Errorf("%d pods of the shop are at home, want two", home)
	}
}

// looksInside has logs and commands from both halves of the shop, through the
// upstream API server.
func (s *story) looksInside() {
	for _, pod := range s.run(s.upstream, "app=shop", 5) {
		s.eventually("its log is there", func(ctx context.Context) error {
			log, _, err := s.upstream.Kubectl(ctx, "", "logs", pod.Name)
			if err == nil && log != shopImage+" runs\n" {
				err = fmt.Errorf("the log of %s on %s is %q", pod.Name, pod.Spec.NodeName, log)
			}
			return err
		})
		if said := s.kubectl(s.upstream, "from "+pod.Name, "exec", "-i", pod.Name, "--", "sh", "-c", "hostname; cat"); said != pod.Name+"\nfrom "+pod.Name {
			s.Errorf("a command in %s on %s says %q", pod.Name, pod.Spec.NodeName, said)
		}
	}
}
