package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/spillway-io/spillway/e2e/playground"
)

// virtualNode is the node upstream that stands for the downstream cluster.
const virtualNode = "spillway-east"

// chapter is one workload of the story: what its author asks for in a few
// words, and the YAML that says it to Kubernetes.
type chapter struct {
	asks string
	file string
	// policyFiles are its WorkloadSpread and SidecarSet, if it has them:
	// atHome of its pods stay on our own machines, and the others get the container
	// agent.
	policyFiles []string
	atHome      int
	agent       string
}

func story() []chapter {
	return []chapter{
		{asks: "nodeSelector disktype=ssd", file: "web.yaml"},
		{asks: "zone a or b, rather b", file: "api.yaml"},
		{asks: "no two members on one machine", file: "quorum.yaml"},
		{asks: "even over all zones", file: "front.yaml"},
		{asks: "dedicated=batch, and tolerates its taint", file: "batch.yaml"},
		{
			asks: "two at home, the rest wherever there is room", file: "shop.yaml",
			policyFiles: []string{"shop-spread.yaml", "shop-sidecars.yaml"}, atHome: 2, agent: "log-agent",
		},
	}
}

// upstreamNodes are our own machines. None of them has what the workloads ask
// for, and neither has the virtual node.
func upstreamNodes() []*corev1.Node {
	return []*corev1.Node{
		playground.FakeNode("own-1"),
		playground.FakeNode("own-2"),
	}
}

// telling are the node labels that the workloads speak of.
func telling() []string {
	return []string{corev1.LabelTopologyZone, "disktype", "dedicated"}
}

func downstreamNodes() []*corev1.Node {
	ssd, hdd := playground.Label("disktype", "ssd"), playground.Label("disktype", "hdd")
	return []*corev1.Node{
		playground.FakeNode("east-a1", playground.Zone("a"), ssd),
		playground.FakeNode("east-a2", playground.Zone("a"), hdd),
		playground.FakeNode("east-b1", playground.Zone("b"), ssd),
		playground.FakeNode("east-b2", playground.Zone("b"), hdd),
		playground.FakeNode("east-c1", playground.Zone("c"), hdd),
		playground.FakeNode("east-c2", playground.Zone("c"), hdd, playground.Label("dedicated", "batch"),
			playground.Taint("dedicated", "batch", corev1.TaintEffectNoSchedule)),
	}
}

//go:embed workloads/*.yaml
var workloads embed.FS

// workload is a chapter read from its file.
type workload struct {
	chapter

	manifest   string
	policies   []policy
	deployment *appsv1.Deployment
}

// policy is a policy object read from its file.
type policy struct {
	file, manifest string
}

func readStory() ([]workload, error) {
	var all []workload
	for _, c := range story() {
		content, err := workloads.ReadFile("workloads/" + c.file)
		if err != nil {
			return nil, fmt.Errorf("cannot read a workload: %w", err)
		}
		deployment, err := findDeployment(content)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", c.file, err)
		}
		w := workload{chapter: c, manifest: string(content), deployment: deployment}
		for _, file := range c.policyFiles {
			content, err := workloads.ReadFile("workloads/" + file)
			if err != nil {
				return nil, fmt.Errorf("cannot read a policy: %w", err)
			}
			w.policies = append(w.policies, policy{file: file, manifest: string(content)})
		}
		all = append(all, w)
	}
	return all, nil
}

func findDeployment(manifest []byte) (*appsv1.Deployment, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		var deployment appsv1.Deployment
		err := decoder.Decode(&deployment)
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it holds no Deployment")
		}
		if err != nil {
			return nil, err
		}
		if deployment.Kind == "Deployment" {
			if deployment.Namespace == "" {
				deployment.Namespace = corev1.NamespaceDefault
			}
			return &deployment, nil
		}
	}
}

func (w workload) replicas() int { return int(*w.deployment.Spec.Replicas) }

// author returns the pod named name as the author of the workload wrote it.
func (w workload) author(name string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: *w.deployment.Spec.Template.ObjectMeta.DeepCopy(),
		Spec:       *w.deployment.Spec.Template.Spec.DeepCopy(),
	}
	pod.Namespace, pod.Name = w.deployment.Namespace, name
	return pod
}
