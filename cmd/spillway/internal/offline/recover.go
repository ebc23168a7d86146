package offline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/provider/node"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/portability"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// DefaultNode is the name of the virtual node when neither the user nor the pod
// says which it is.
const DefaultNode = "virtual-node"

// VirtualNode is the virtual node that upstream pods are given to.
type VirtualNode struct {
	// Name is the node's name; empty: the node that each pod is bound to, or
	// DefaultNode.
	Name string
	// Labels are the configured labels, beside those of every virtual node.
	Labels map[string]string
	// RoutingKeys are those that the webhook uses.
	RoutingKeys stash.RoutingKeys
	// UpstreamID is the UID of the upstream cluster's kube-system namespace.
	UpstreamID string
	// Rules say how it translates pods; their Identity is made from the fields above.
	Rules translate.Rules
	// Inventory is what its downstream cluster has, as far as that is known.
	Inventory portability.Inventory
}

// Recovered is what a virtual node makes of an upstream pod.
type Recovered struct {
	// Downstream is the pod to create; nil if there is none.
	Downstream map[string]any
	// Refused says that there is none because the pod cannot run there.
	Refused bool
	// Messages are lines about the pod: warnings, and why there is none.
	Messages []string
}

// Recover returns what the virtual node makes of each object of the input, in
// its order. Pods count as just created, whatever became of them since. Objects
// that are no Pods give no downstream pod. namespace is that of pods which name
// none. The error joins the *manifest.Error of all pods that do not decode.
func Recover(objects []manifest.Object, namespace string, virtual VirtualNode) ([]Recovered, error) {
	var (
		all   []Recovered
		errs  []error
		world = newWorld()
	)
	for _, object := range objects {
		if object.APIVersion != "v1" || object.Kind != "Pod" {
			if isSubjectKind(object.Kind) {
				name, _ := objectAt(object.Content, "metadata")["name"].(string)
				line := Message(object.Position, object.Kind, name, "warning", `left out, since it is no pod; "spillway inject" makes its pods`)
				all = append(all, Recovered{Messages: []string{line}})
			}
			continue
		}
		pod := &corev1.Pod{}
		unknown, err := object.Decode(pod)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if pod.Name == "" && pod.GenerateName == "" {
			errs = append(errs, &manifest.Error{Position: object.Position, Field: "metadata.name", Err: errors.New("must be set")})
			continue
		}
		pod.Namespace = cmp.Or(pod.Namespace, namespace)
		pod.Name = world.nameOf(pod)
		recovered, err := virtual.recover(object.Position, pod, unknown)
		if err != nil {
			errs = append(errs, err)
		}
		all = append(all, recovered)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return all, nil
}

// recover asks for the virtual node's plan for a pod that was just bound to it.
func (v VirtualNode) recover(at manifest.Position, pod *corev1.Pod, unknown []string) (Recovered, error) {
	var recovered Recovered
	say := func(class, text string) {
		recovered.Messages = append(recovered.Messages, Message(at, "Pod", pod.Namespace+"/"+pod.Name, class, text))
	}
	for _, problem := range unknown {
		say("warning", problem)
	}
	name := cmp.Or(v.Name, pod.Spec.NodeName, DefaultNode)
	if bound := pod.Spec.NodeName; bound != "" && bound != name {
		say("skipped", fmt.Sprintf("it is bound to node %q, not to %q", bound, name))
		return recovered, nil
	}
	plan := v.plan(pod, name)
	if plan.Create == nil {
		recovered.Refused = true
		say("refused", refusal(plan))
		return recovered, nil
	}
	content, err := manifest.Content(plan.Create)
	if err != nil {
		return recovered, fmt.Errorf("%s: %w", at, err)
	}
	content["apiVersion"], content["kind"] = "v1", "Pod"
	recovered.Downstream = content
	return recovered, nil
}

// plan is what the virtual node of a name does about a pod that was just bound to it.
func (v VirtualNode) plan(pod *corev1.Pod, name string) pods.Action {
	pod.Spec.NodeName = name
	pod.Status = corev1.PodStatus{}
	pod.DeletionTimestamp = nil
	if pod.UID == "" {
		pod.UID = inventUID("Pod", pod.Namespace, pod.Name)
	}
	facts := translate.Facts{PriorityClass: slices.Contains(v.Inventory.PriorityClasses, pod.Spec.PriorityClassName)}
	return pods.Plan(pods.World{Upstream: pod, UpstreamLive: true, DownstreamLive: true, Prepared: true, Facts: facts}, v.identify(name))
}

// refusal says why there is no pod to create.
func refusal(plan pods.Action) string {
	if plan.Warning == nil {
		return string(plan.Row)
	}
	return plan.Warning.Reason + ": " + plan.Warning.Note
}

func (v VirtualNode) identify(name string) pods.Node {
	spec := node.Spec{Name: name, Labels: v.Labels}
	rules := v.Rules
	rules.UpstreamID = v.UpstreamID
	rules.Node = stash.VirtualNode{Name: name, Labels: spec.AllLabels(), RoutingKeys: v.RoutingKeys}
	return pods.Node{Rules: rules}
}
