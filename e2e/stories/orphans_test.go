package stories

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/playground"
)

// TestOrphansInMass: most pods of a virtual node are gone upstream, or only seem to
// be. None is deleted downstream until somebody says how many.
func TestOrphansInMass(t *testing.T) {
	s := tell(t, nil)
	herd := s.hasProxiedNode("herd")
	all := s.hasPods(25, "herd", 20, "goes")

	s.forgets("upstream, all pods but five", herd.up, 20, faults.Fault{TruncatedLists: 0.8})
	s.forgets("downstream, all pods", herd.below, 25, faults.Fault{EmptyLists: true})
	s.must("see that they run", s.runsInBoth(s.ctx, 25, "herd", s.downstream))
	s.untouched("lists lacked them", all)

	s.must("stop the virtual node", within(herd.Stop)())
	s.forces("-l", "goes")
	preview := herd.options
	preview.Replica, preview.ExtraArgs = "preview", []string{"--delete-orphans=preview"}
	careful, err := playground.StartVirtualNode(s.ctx, preview)
	s.must("start it with --delete-orphans=preview", err)
	s.finally(careful.Stop)
	s.nodeSays("OrphansWithheld", "20 of 25", "preview")
	s.untouched("in preview", all)
	s.must("stop it again", within(careful.Stop)())

	s.must("start the virtual node as before", herd.Start())
	s.nodeSays("OrphansWithheld", "20 of 25", "kubectl annotate --overwrite node herd spillway.io/delete-orphans=20")
	s.untouched("withheld", all)
	s.withheld(herd.VirtualNode, 20)
	s.previews("herd", "20 of 25")
	s.annotatesNode("herd", "all")
	s.nodeSays("DeleteOrphansNotANumber", `"all"`)
	s.untouched("released in words", all)

	s.annotatesNode("herd", "20")
	left := maps.Clone(all)
	for i := range 20 {
		delete(left, fmt.Sprintf("pod-%02d", i))
	}
	took := s.leftBelow(left)
	s.eventually("the annotation is gone", func(ctx context.Context) error {
		node, err := s.upstream.Client().CoreV1().Nodes().Get(ctx, "herd", metav1.GetOptions{})
		if err == nil && node.Annotations[api.DeleteOrphansAnnotation] != "" {
			err = errors.New("not yet")
		}
		return err
	})
	t.Logf("20 of 25 gone %.1f s after they were released", took.Seconds())
}

// forgets has lists of pods lack so many, until the virtual node has asked for each of
// them, and then be complete again.
func (s *story) forgets(what string, proxy *faults.Proxy, n int, fault faults.Fault) {
	s.Helper()
	asked := func() (sum int) {
		for _, c := range proxy.Requests() {
			if c.Verb == "get" && c.Resource == "pods" && c.Subresource == "" {
				sum += c.PassedOn
			}
		}
		return sum
	}
	before := asked()
	fault.ExpireWatches, fault.Only = true, faults.Resources("pods")
	heal := proxy.Inject(fault)
	s.eventually("the virtual node asks for the pods that a list lacks: "+what, func(context.Context) error {
		if now := asked(); now < before+n {
			return fmt.Errorf("%d of %d so far", now-before, n)
		}
		return nil
	})
	heal()
	proxy.Inject(faults.Fault{ExpireWatches: true, Only: fault.Only})()
}

// withheld waits until the virtual node's metrics say that it withholds so many.
func (s *story) withheld(node *playground.VirtualNode, want float64) {
	s.Helper()
	s.eventually(fmt.Sprintf("%g orphans are withheld", want), func(ctx context.Context) error {
		text, err := playground.Read(ctx, node.Metrics+"/metrics")
		if err != nil {
			return err
		}
		if n := samples(text, "spillway_node_orphans_withheld"); n != want {
			return fmt.Errorf("%g are", n)
		}
		return nil
	})
}

func (s *story) annotatesNode(name, value string) {
	s.Helper()
	_, _, err := s.upstream.Kubectl(s.ctx, "", "annotate", "--overwrite", "node", name, api.DeleteOrphansAnnotation+"="+value)
	s.must("annotate the node", err)
}

// A StatefulSet whose pod takes its time, and a Deployment.
const (
	slowSet = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db, virtual-pod: "true"}}
    spec:
      nodeSelector: {clusterID: astray}
      terminationGracePeriodSeconds: 300
      containers: [{name: app, image: "app:1"}]
`
	replaceable = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, virtual-pod: "true"}}
    spec:
      nodeSelector: {clusterID: astray}
      containers: [{name: app, image: "app:1"}]
`
)

// TestPodsAstray: the unhappy ends of single pods.
func TestPodsAstray(t *testing.T) {
	s := tell(t, nil)
	astray := s.hasProxiedNode("astray", "--stranded-after=2s")
	s.forcedInMass(astray)
	stays := newPod("stays")
	stays.Spec.NodeSelector = map[string]string{"clusterID": "astray"}
	stays.Spec.Tolerations = []corev1.Toleration{{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}}
	forced := newPod("forced")
	forced.Spec.NodeSelector = stays.Spec.NodeSelector
	s.applies(slowSet + "---" + replaceable + "---\n" + manifest(t, stays) + "---\n" + manifest(t, forced))
	s.must("see four pods run", s.runsInBoth(s.ctx, 4, "astray", s.downstream))

	s.forcedWhileAway(astray)
	s.cleanedUp()
	s.recreated()
	s.stranded()
}

// forcedWhileAway: a pod is force-deleted while downstream does not answer.
func (s *story) forcedWhileAway(astray proxied) {
	s.Helper()
	left := s.podsBelow()
	heal := astray.below.Inject(faults.Fault{Refused: true})
	s.forces("forced")
	heal()
	delete(left, "forced")
	s.Logf("the orphan is gone %.1f s after the return of the downstream API server", s.leftBelow(left).Seconds())
}

// cleanedUp: most of the virtual node's pods are over and are deleted, as Jobs are. API
// servers remove such pods at once, which is no reason to withhold their deletion.
func (s *story) cleanedUp() {
	s.Helper()
	left := s.podsBelow()
	var jobs strings.Builder
	for i := range 12 {
		pod := newPod(fmt.Sprintf("done-%02d", i))
		pod.Labels["done"] = "true"
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
		pod.Spec.NodeSelector = map[string]string{"clusterID": "astray"}
		jobs.WriteString("---\n" + manifest(s.T, pod))
	}
	s.applies(jobs.String())
	s.eventually("12 pods have succeeded", func(ctx context.Context) error {
		list, err := s.upstream.Client().CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "done", FieldSelector: "status.phase=Succeeded"})
		if err == nil && len(list.Items) != 12 {
			err = fmt.Errorf("%d have", len(list.Items))
		}
		return err
	})
	s.must("delete them", s.upstream.Client().CoreV1().Pods(s.namespace).DeleteCollection(s.ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "done"}))
	if list, err := s.pods(s.upstream); err != nil || len(list) != len(left) {
		s.Errorf("there are %d pods upstream (%v), want %d: those that are over are removed at once", len(list), err, len(left))
	}
	s.Logf("12 pods that were over are gone downstream %.1f s after they were deleted", s.leftBelow(left).Seconds())
}

// recreated: a StatefulSet's pod is deleted with a grace period, which its downstream
// pod is given, too; then by force, so that a new one of its name is there before the
// old one has ended.
func (s *story) recreated() {
	s.Helper()
	letGo := s.holdsBelow("db-0")
	old, oldBelow := s.pod(s.upstream, "db-0"), s.pod(s.downstream, "db-0")
	grace := int64(120)
	seen := s.sees(s.downstream, "db-0")
	s.must("delete db-0", s.upstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, "db-0", metav1.DeleteOptions{GracePeriodSeconds: &grace}))
	if below := *seen().DeletionGracePeriodSeconds; below != grace {
		s.Errorf("downstream, db-0 has %d s to end, want %d", below, grace)
	}
	if above := s.pod(s.upstream, "db-0"); above.UID != old.UID || *above.DeletionGracePeriodSeconds != grace {
		s.Errorf("upstream, db-0 is another one or has %v s to end, want the same one with %d", above.DeletionGracePeriodSeconds, grace)
	}
	s.forces("db-0")
	var next types.UID
	s.eventually("the StatefulSet has a new db-0", func(ctx context.Context) error {
		pod, err := s.upstream.Client().CoreV1().Pods(s.namespace).Get(ctx, "db-0", metav1.GetOptions{})
		if err == nil && (pod.UID == old.UID || pod.Spec.NodeName == "") {
			err = errors.New("not yet")
		}
		if err == nil {
			next = pod.UID
		}
		return err
	})
	// Whatever is done about the new pod is done before the next one runs.
	marker := newPod("marker")
	marker.Spec.NodeSelector = map[string]string{"clusterID": "astray"}
	s.applies(manifest(s.T, marker))
	s.phase("marker", corev1.PodRunning)
	if below := s.pod(s.downstream, "db-0"); below.UID != oldBelow.UID {
		s.Error("there is a new db-0 downstream while the old one has not ended")
	}
	if above := s.pod(s.upstream, "db-0"); above.Status.Phase != corev1.PodPending {
		s.Errorf("the new db-0 is %s while the old one has not ended", above.Status.Phase)
	}
	letGo()
	s.phase("db-0", corev1.PodRunning)
	if below := s.pod(s.downstream, "db-0"); below.Annotations[api.UpstreamUIDAnnotation] != string(next) {
		s.Error("db-0 downstream is not the new one's")
	}
}

// stranded: downstream somebody deletes pods, and their node is dead. Deployments
// replace theirs; a pod that stays on a lost node stays.
func (s *story) stranded() {
	s.Helper()
	old, err := s.only(s.upstream, "app=web")
	s.must("get the Deployment's pod", err)
	node := s.pod(s.downstream, old.Name).Spec.NodeName
	defer s.holdsBelow("stays")()
	defer s.holdsBelow(old.Name)()
	for _, name := range []string{"stays", old.Name} {
		s.must("delete "+name+" downstream", s.downstream.Client().CoreV1().Pods(s.namespace).Delete(s.ctx, name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(1))}))
	}
	s.hears(old.Name, "DownstreamPodStranded", node)
	if pod := s.going(s.upstream, old.Name); *pod.DeletionGracePeriodSeconds != *pod.Spec.TerminationGracePeriodSeconds {
		s.Errorf("it has %d s to go, want its own %d", *pod.DeletionGracePeriodSeconds, *pod.Spec.TerminationGracePeriodSeconds)
	}
	s.eventually("the Deployment has another pod that runs", func(ctx context.Context) error {
		list, err := s.upstream.Client().CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			return err
		}
		for _, pod := range list.Items {
			if pod.UID != old.UID && pod.Status.Phase == corev1.PodRunning {
				return nil
			}
		}
		return fmt.Errorf("there are %d pods", len(list.Items))
	})
	if pod := s.pod(s.upstream, old.Name); pod.UID != old.UID {
		s.Error("the old pod is gone before its end is known")
	}
	if pod := s.pod(s.upstream, "stays"); pod.DeletionTimestamp != nil {
		s.Error("the pod that stays is being deleted upstream")
	}
}
