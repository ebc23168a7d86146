package stories

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// undertakers may do what `spillway remains --help` says, and nothing else.
const undertakers = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: remains}
rules:
- {apiGroups: [""], resources: [namespaces], resourceNames: [kube-system], verbs: [get]}
- {apiGroups: [""], resources: [nodes, pods, persistentvolumes], verbs: [list]}
- {apiGroups: [apps.kruise.io], resources: [workloadspreads, sidecarsets], verbs: [list]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], resourceNames: [workloadspreads.apps.kruise.io, sidecarsets.apps.kruise.io], verbs: [get]}
- {apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations, validatingwebhookconfigurations], verbs: [list]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [list]}
- {apiGroups: [""], resources: [secrets], resourceNames: [east-kubeconfig, none], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: remains}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: remains}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: remains}]
`

// TestRemains: what stays when Spillway is removed is told with its commands, by
// somebody with few rights; what may not be read, or not in time, is told too, and
// nobody's removal fails for it. Nothing is deleted.
func TestRemains(t *testing.T) {
	s := tell(t, nil)
	s.must("grant rights", s.upstream.Apply(s.ctx, undertakers))
	for _, name := range []string{"moving", "staying"} {
		pod := newPod(name)
		pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
		if name == "staying" {
			pod.Annotations = map[string]string{api.OnNodeLossAnnotation: api.OnNodeLossStay}
		}
		s.applies(manifest(t, pod))
	}
	s.must("see the pods run", s.runsInBoth(s.ctx, 2, "east", s.downstream))
	s.hasVolume("remains-volume")
	_, err := s.upstream.Client().CoreV1().Secrets("spillway-system").Create(s.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "east-kubeconfig"}}, metav1.CreateOptions{})
	s.must("create a Secret", err)
	namespace, err := s.upstream.Client().CoreV1().Namespaces().Get(s.ctx, "kube-system", metav1.GetOptions{})
	s.must("read the id of the cluster", err)

	few, err := s.upstream.Kubeconfig("remains")
	s.must("make a kubeconfig", err)
	down := s.downstream.AdminKubeconfig()
	said := s.remains("--kubeconfig="+few, "--secret=east-kubeconfig,none", "--downstream-kubeconfig="+down)
	for _, want := range []string{
		"\nPods on virtual nodes (", "\nVirtual nodes: ", "it leaves as they are", "it then evicts", "\n  kubectl delete node ",
		"remains-volume", "\nDefinitions: workloadspreads.apps.kruise.io, sidecarsets.apps.kruise.io\n",
		"\nWebhooks that nobody will answer for: spillway, spillway-policies\n", "spillway-node-east", "\n  kubectl delete secret -n spillway-system east-kubeconfig\n",
		"\nDownstream, by " + down + ": ", " -A -l spillway.io/upstream=" + string(namespace.UID) + "   # ends the pods\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.Contains(said, "Not known") || t.Failed() {
		t.Errorf("it says:\n%s", said)
	}
	s.selectsVolume(said, "remains-volume")

	nobody, err := s.upstream.Kubeconfig("nobody")
	s.must("make a kubeconfig", err)
	if said := s.remains("--kubeconfig=" + nobody); !strings.Contains(said, "\nNot known: virtual nodes: nodes is forbidden: User \"nobody\" cannot list") {
		t.Errorf("without rights it says:\n%s", said)
	}
	began := time.Now()
	if said := s.remains("--kubeconfig="+few, "--timeout=1ms"); !strings.Contains(said, "no answer in time") || time.Since(began) > 20*time.Second {
		t.Errorf("without time it says after %s:\n%s", time.Since(began), said)
	}
	s.must("see that the pods still run", s.runsInBoth(s.ctx, 2, "east", s.downstream))
}

// remains runs the command, which never fails.
func (s *story) remains(args ...string) string {
	s.Helper()
	out, complaint, code := s.spillwaySays(append([]string{"remains"}, args...)...)
	if code != 0 || complaint != "" {
		s.Errorf("spillway remains ended with %d: %s", code, complaint)
	}
	return out
}

// hasVolume creates a volume like those that stand for claims downstream.
func (s *story) hasVolume(name string) {
	s.Helper()
	volumes := s.upstream.Client().CoreV1().PersistentVolumes()
	_, err := volumes.Create(s.ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": api.Provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: "virtual-node.spillway.io", VolumeHandle: "gone/" + s.namespace + "/data",
			}},
		},
	}, metav1.CreateOptions{})
	s.must("create a volume", err)
}

// selectsVolume runs the first half of the command that removes volumes.
func (s *story) selectsVolume(said, name string) {
	s.Helper()
	_, query, _ := strings.Cut(said, "kubectl get pv -o jsonpath='")
	query, _, _ = strings.Cut(query, "'")
	out, _, err := s.upstream.Kubectl(s.ctx, "", "get", "pv", "-o", "jsonpath="+query)
	s.must("run what is printed", err)
	if !strings.Contains(out, name) {
		s.Errorf("the command that removes volumes selects %q", out)
	}
}
