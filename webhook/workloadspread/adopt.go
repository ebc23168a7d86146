package workloadspread

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/webhook/eventnote"
)

// maxAdoptions bounds the pods adopted in one pass.
const maxAdoptions = 20

// reasonAdoptFailed is of the event about a subset that cannot be compared with
// an older pod.
const reasonAdoptFailed = "AdoptFailed"

// adopt gives a subset to pods that have none, and has the rest of the pass see
// them in it.
func (p *pass) adopt(ctx context.Context) error {
	adopted := 0
	for i, pod := range p.view.Pods {
		node := p.view.Nodes[pod.Spec.NodeName]
		if node == nil || !p.view.Orphan(pod) {
			continue
		}
		// A pod that fits nowhere is not read again in every pass.
		if _, fits, err := p.view.Adopt(pod, node); err != nil {
			p.blame(ctx, err)
			return nil
		} else if !fits {
			continue
		}
		if adopted == maxAdoptions {
			p.lookAt(p.view.Now.Add(writePause))
			return nil
		}
		adopted++
		child, err := p.adoptOne(ctx, pod, node)
		if err != nil {
			return fmt.Errorf("cannot adopt pod %s: %w", pod.Name, err)
		}
		p.view.Pods = slices.Clone(p.view.Pods)
		p.view.Pods[i] = child
	}
	return nil
}

// adoptOne decides by the whole pod as the API server has it, and returns it as
// it is afterwards.
func (p *pass) adoptOne(ctx context.Context, cached *corev1.Pod, node *corev1.Node) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if err := p.live.Get(ctx, client.ObjectKeyFromObject(cached), pod); apierrors.IsNotFound(err) {
		return cached, nil
	} else if err != nil {
		return nil, err
	}
	if pod.UID != cached.UID || !p.view.Orphan(pod) || pod.Spec.NodeName != node.Name {
		return cached, nil
	}
	adoption, fits, err := p.view.Adopt(pod, node)
	if err != nil || !fits {
		return cached, err
	}
	if err := p.patchMetadata(ctx, pod, adoption.Labels, adoption.Annotations); err != nil {
		return nil, err
	}
	logf.FromContext(ctx).V(1).Info("Adopted a pod", "pod", pod.Name, "subset", adoption.Subset)
	pod.Labels = changed(pod.Labels, adoption.Labels)
	pod.Annotations = changed(pod.Annotations, adoption.Annotations)
	return pod, nil
}

func changed(values map[string]string, changes map[string]*string) map[string]string {
	after := make(map[string]string, len(values)+len(changes))
	maps.Copy(after, values)
	for key, value := range changes {
		delete(after, key)
		if value != nil {
			after[key] = *value
		}
	}
	return after
}

// blame tells the WorkloadSpread's owner of a mistake in it. Trying again would
// not help, and must not keep the pass from its other work.
func (p *pass) blame(ctx context.Context, mistake error) {
	logf.FromContext(ctx).Info("Cannot adopt pods", "error", mistake.Error())
	p.events.Eventf(p.view.Spread, nil, corev1.EventTypeWarning, reasonAdoptFailed, "Adopt",
		"%s", eventnote.Format("Older pods get no subset: %s", mistake))
}
