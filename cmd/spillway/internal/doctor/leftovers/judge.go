package leftovers

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/provider/orphans"
	"github.com/spillway-io/spillway/provider/references"
	"github.com/spillway-io/spillway/provider/storage"
	"github.com/spillway-io/spillway/provider/translate"
)

// World is what a virtual node has in both clusters.
type World struct {
	Node  string
	Rules translate.Rules
	// Pods, Copies and Claims are those downstream that are ours.
	Pods   []corev1.Pod
	Copies []Copy
	Claims []corev1.PersistentVolumeClaim
	// UpstreamPods are those on the virtual node; the others are all that there are.
	UpstreamPods    []corev1.Pod
	UpstreamClaims  []corev1.PersistentVolumeClaim
	UpstreamVolumes []corev1.PersistentVolume
	// Delete and Collect are what its process is told to do with orphans and copies;
	// empty is what it does by default.
	Delete  orphans.Mode
	Collect references.Mode
	Now     time.Time
}

// Copy is one, with its age.
type Copy struct {
	references.Copy
	Created time.Time
}

// JudgePods lists the pods that the virtual node takes for orphans, and what it does
// about them.
func JudgePods(w World) []finding.Finding {
	verdict := orphans.Judge(orphans.Known{Downstream: w.Pods, Upstream: w.UpstreamPods, Now: w.Now}, w.Rules.Identity)
	there := map[types.UID]bool{}
	for i := range w.UpstreamPods {
		there[w.UpstreamPods[i].UID] = true
	}
	created := map[types.UID]time.Time{}
	for i := range w.Pods {
		created[w.Pods[i].UID] = w.Pods[i].CreationTimestamp.Time
	}
	// Where nobody says how namespaces are mapped, names may mislead; UIDs do not.
	left := slices.DeleteFunc(verdict.Orphans, func(o orphans.Orphan) bool { return there[o.UpstreamUID] })
	if len(left) == 0 {
		return nil
	}
	f := finding.Finding{Severity: finding.Warning, Object: "virtual node " + w.Node, Cause: "orphans"}
	for _, o := range left {
		why := "runs on without it"
		if o.Over {
			why = "is over"
		}
		f.Details = append(f.Details, fmt.Sprintf("pod %s, %s old: its upstream pod %s is gone, and it %s", o.Downstream, age(created[o.UID], w.Now), o.Upstream, why))
	}
	n := len(left)
	f.Text = fmt.Sprintf("%d of %d downstream pods have no upstream pod", n, verdict.Ours)
	release := fmt.Sprintf("kubectl annotate --overwrite node %s %s=%d", w.Node, api.DeleteOrphansAnnotation, n)
	switch {
	case w.Delete == orphans.Preview || w.Delete == orphans.Off:
		f.Text += fmt.Sprintf(", and the virtual node deletes none: --delete-orphans=%s", w.Delete)
		f.Fix = "look through the list, then run the virtual node with --delete-orphans=delete"
	case verdict.Mass:
		f.Text += ", so many that the virtual node deletes them only when somebody says so: they may only seem to be gone"
		f.Fix = "look through the list; if they may go, " + release
	default:
		f.Text += "; the virtual node deletes them by itself, at the latest ten minutes after they became orphans"
		f.Fix = fmt.Sprintf("nothing, if its process runs; if they are still there in ten minutes, see its log, and the events of the Node: kubectl describe node %s", w.Node)
	}
	return []finding.Finding{f}
}

// JudgeCopies lists the copies that no pod uses.
func JudgeCopies(w World) []finding.Finding {
	var all []references.Copy
	created := map[references.Key]time.Time{}
	for _, c := range w.Copies {
		all = append(all, c.Copy)
		created[c.Key] = c.Created
	}
	unused := references.Sweep(all, references.Used(w.UpstreamPods, w.Pods, w.Rules))
	if len(unused) == 0 {
		return nil
	}
	f := finding.Finding{
		Severity: finding.Note, Object: "virtual node " + w.Node, Cause: "unused-copies",
		Text: fmt.Sprintf("%d of %d copies of ConfigMaps and Secrets downstream are used by no pod", len(unused), len(all)),
		Fix:  "nothing, if its process runs: it deletes them at the latest ten minutes after the last pod that used them",
	}
	if w.Collect == references.Preview || w.Collect == references.Off {
		f.Fix = fmt.Sprintf("look through the list, then run the virtual node with --collect-garbage=%s; it is told --collect-garbage=%s", references.Collect, w.Collect)
	}
	for _, d := range unused {
		f.Details = append(f.Details, fmt.Sprintf("%s %s/%s, %s old", d.Kind, d.Namespace, d.Name, age(created[d.Key], w.Now)))
	}
	return []finding.Finding{f}
}

// JudgeClaims lists the claims that nothing upstream leads to. Nobody deletes them but
// people, since they hold data.
func JudgeClaims(w World) []finding.Finding {
	left := storage.LeftoversOf(w.Claims, w.UpstreamClaims, w.UpstreamVolumes, w.Rules)
	if len(left) == 0 {
		return nil
	}
	f := finding.Finding{
		Severity: finding.Note, Object: "virtual node " + w.Node, Cause: "claims-left-over",
		Text: fmt.Sprintf("%d claims downstream hold data that no upstream claim leads to; they are kept until somebody deletes them", len(left)),
		Fix:  fmt.Sprintf("if the data may go: kubectl --kubeconfig DOWNSTREAM delete pvc -n %s %s", left[0].Claim.Namespace, left[0].Claim.Name),
	}
	for _, l := range left {
		f.Details = append(f.Details, fmt.Sprintf("claim %s, %s, volume %q; its upstream claim had the UID %s", l.Claim, l.Capacity.String(), l.Volume, l.UpstreamUID))
	}
	return []finding.Finding{f}
}

// JudgeBereft lists pods of ours whose virtual node is not among those that are known.
func JudgeBereft(pods []metav1.PartialObjectMetadata, known map[string]bool, upstreamID, source string, now time.Time) []finding.Finding {
	byNode := map[string][]string{}
	var nodes []string
	for i := range pods {
		node := pods[i].Labels[api.VirtualNodeLabel]
		if known[node] || node == "" || pods[i].Annotations[api.UpstreamUIDAnnotation] == "" {
			continue
		}
		if byNode[node] == nil {
			nodes = append(nodes, node)
		}
		byNode[node] = append(byNode[node], fmt.Sprintf("pod %s/%s, %s old", pods[i].Namespace, pods[i].Name, age(pods[i].CreationTimestamp.Time, now)))
	}
	slices.Sort(nodes)
	var found []finding.Finding
	for _, node := range nodes {
		found = append(found, finding.Finding{
			Severity: finding.Warning, Object: "downstream cluster by " + source, Cause: "node-gone",
			Text: fmt.Sprintf("has %s of virtual node %s, which is no more: nobody looks after them", finding.Number(len(byNode[node]), "pod"), node),
			Fix: fmt.Sprintf("have that virtual node back; or, if they may go, kubectl --kubeconfig DOWNSTREAM delete pods -A -l %s=%s,%s=%s",
				api.UpstreamLabel, upstreamID, api.VirtualNodeLabel, node),
			Details: byNode[node],
		})
	}
	return found
}

func age(created, now time.Time) string { return duration.HumanDuration(now.Sub(created)) }
