package nodes

import (
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/provider/claim"
)

// World is what is known of a virtual node.
type World struct {
	Name string
	// Node is nil if there is none.
	Node *corev1.Node
	// Deployment is the namespace and name of the chart's; empty if there is none.
	Deployment string
	// DownstreamID is the id of the cluster that its kubeconfig leads to; empty if that
	// is not known.
	DownstreamID string
	// Server and Source are that cluster's address and where the kubeconfig is.
	Server, Source string
	// Leader is the upstream Lease by which its replicas elect one; nil if there is none,
	// or LeaderUnknown.
	Leader        *coordinationv1.Lease
	LeaderUnknown bool
	// Claim is the downstream Lease, under ClaimName; nil if there is none, or
	// ClaimUnknown.
	Claim        *coordinationv1.Lease
	ClaimName    string
	ClaimUnknown bool
	// Claimant is who should hold it.
	Claimant claim.Claimant
	Now      time.Time
}

// Judge says what is wrong with a virtual node.
func Judge(w World) []finding.Finding {
	if w.Node == nil {
		return []finding.Finding{w.of(finding.Error, "no-node",
			"Deployment "+w.Deployment+" is there for it, but there is no such Node: its process has never come so far",
			"read what it says: kubectl logs -n "+namespaceOf(w.Deployment)+" deployment/"+nameOf(w.Deployment))}
	}
	var found []finding.Finding
	found = append(found, w.readiness()...)
	found = append(found, w.cluster()...)
	if !w.LeaderUnknown {
		found = append(found, w.leader()...)
	}
	if !w.ClaimUnknown {
		found = append(found, w.claim()...)
	}
	return found
}

func (w World) of(severity finding.Severity, cause, text, fix string) finding.Finding {
	return finding.Finding{Severity: severity, Object: "virtual node " + w.Name, Cause: cause, Text: text, Fix: fix}
}

// log is the command that shows what the process says.
func (w World) log() string {
	if w.Deployment == "" {
		return "read the log of its process, spillway node --name=" + w.Name
	}
	return "read what its process says: kubectl logs -n " + namespaceOf(w.Deployment) + " deployment/" + nameOf(w.Deployment)
}

func (w World) readiness() []finding.Finding {
	var found []finding.Finding
	ready := corev1.NodeCondition{Status: corev1.ConditionUnknown, Message: "it has no condition Ready"}
	for _, c := range w.Node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			ready = c
		}
	}
	switch ready.Status {
	case corev1.ConditionTrue:
	case corev1.ConditionFalse:
		found = append(found, w.of(finding.Error, "not-ready", "is not Ready: "+ready.Message, "see whether the downstream API server answers; "+w.log()))
	default:
		found = append(found, w.of(finding.Error, "not-ready", "is not heard of: "+ready.Message, "see whether its process runs; "+w.log()))
	}
	if w.Node.Spec.Unschedulable {
		found = append(found, w.of(finding.Warning, "cordoned", "is cordoned: no further pods go there", "kubectl uncordon "+w.Name+", unless somebody is at it"))
	}
	return found
}

func (w World) cluster() []finding.Finding {
	tied := w.Node.Annotations[api.DownstreamAnnotation]
	if tied == "" || w.DownstreamID == "" || tied == w.DownstreamID {
		return nil
	}
	return []finding.Finding{w.of(finding.Error, "another-cluster",
		fmt.Sprintf("is tied to the cluster %s, but the kubeconfig (%s) leads to %s at %s: it does not start, and nothing is concluded from what is there", tied, w.Source, w.DownstreamID, w.Server),
		fmt.Sprintf("give it the kubeconfig of its cluster; or, if that is gone for good, kubectl annotate node %s %s-", w.Name, api.DownstreamAnnotation))}
}

func (w World) leader() []finding.Finding {
	if w.Leader != nil && w.Leader.Spec.HolderIdentity != nil && *w.Leader.Spec.HolderIdentity != "" {
		return nil
	}
	return []finding.Finding{w.of(finding.Warning, "no-leader", "no process of it leads: nobody holds the Lease by which replicas elect one", w.log())}
}

// silent is how long after the last renewal a claim is surely not kept: the longest
// that it may be silent, and a minute for clocks that differ, since the time is the
// holder's.
func silent(r claim.Record) time.Duration { return r.Silence + time.Minute }

func (w World) claim() []finding.Finding {
	record := w.Claimant.Read(w.Claim)
	switch {
	case w.Claim == nil:
		return []finding.Finding{w.of(finding.Error, "no-claim", "has no claim downstream, Lease "+w.ClaimName+": nothing is written there", w.log())}
	case record.Foreign:
		return []finding.Finding{w.of(finding.Error, "foreign-claim", "its claim downstream, Lease "+w.ClaimName+", has not its marks, so it writes nothing there",
			"delete that Lease, or give spillway node another --claim-namespace")}
	case record.Holder == "":
		return []finding.Finding{w.of(finding.Error, "no-claim", "nobody holds its claim downstream, Lease "+w.ClaimName+": nothing is written there", w.log())}
	case w.Now.Sub(record.Renewed) > silent(record):
		return []finding.Finding{w.of(finding.Error, "claim-not-renewed",
			fmt.Sprintf("its claim downstream, Lease %s, was renewed %s ago by %s: nobody writes there now", w.ClaimName, w.Now.Sub(record.Renewed).Round(time.Second), record.Holder), w.log())}
	default:
		return nil
	}
}

func namespaceOf(key string) string {
	namespace, _, _ := strings.Cut(key, "/")
	return namespace
}

func nameOf(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return name
}
