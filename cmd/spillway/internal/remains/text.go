package remains

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spillway-io/spillway/api"
)

// enough is how many names are told of things that there may be thousands of.
const enough = 10

// Survey is what was found.
type Survey struct {
	// UpstreamID is the UID of the upstream cluster's namespace kube-system, by which
	// downstream objects are found; empty if it is not known.
	UpstreamID string
	// Namespace is that of the Leases and Secrets.
	Namespace string

	// Nodes are the virtual nodes. Pods are those that run on them, as namespace/name,
	// and Evicted is how many of them do not stay on a node that is lost.
	Nodes   []string
	Pods    []string
	Evicted int
	// Volumes stand for claims in downstream clusters.
	Volumes []string
	// Spreads, as namespace/name, and Sets are policy objects, CRDs their kinds.
	Spreads, Sets, CRDs []string
	// Leases and Secrets are in Namespace.
	Leases, Secrets []string
	// Mutating and Validating are webhook configurations.
	Mutating, Validating []string

	// Unknown are the parts that could not be read.
	Unknown []Unknown
	// Downstream are the downstream clusters that were asked.
	Downstream []Downstream
}

// Unknown is a part that could not be read, and why.
type Unknown struct{ What, Why string }

// Downstream is what is owned in one downstream cluster.
type Downstream struct {
	// Kubeconfig is the path by which it was reached.
	Kubeconfig string
	// Kinds are those of which there is something.
	Kinds []Kind
	// Unknown are the parts that could not be read.
	Unknown []Unknown
}

// Kind is how many objects of a resource there are.
type Kind struct {
	Resource string
	Count    int
	// Kept says that they hold data, or what others may have put into them.
	Kept bool
}

// Text is the survey for people: what stays, what becomes of it, and the command that
// removes it.
func (s Survey) Text() string {
	var b strings.Builder
	b.WriteString("Removing Spillway deletes nothing of yours. What stays in this cluster:\n")
	none := b.Len()
	s.pods(&b)
	for _, p := range s.parts() {
		if len(p.names) > 0 {
			fmt.Fprintf(&b, "%s: %s\n  %s\n", p.title, list(p.names), p.command)
		}
	}
	if b.Len() == none && len(s.Unknown) == 0 {
		b.WriteString("nothing\n")
	}
	unknown(&b, "", s.Unknown)
	s.downstream(&b)
	return b.String()
}

type partText struct {
	title   string
	names   []string
	command string
}

// parts are in the order in which they are best removed.
func (s Survey) parts() []partText {
	all := func(names []string) string { return strings.Join(names, " ") }
	return []partText{
		{"Virtual nodes", s.Nodes, "kubectl delete node " + all(s.Nodes) + "   # pods still on them then go from this cluster, not from the downstream one"},
		{"Volumes that stand for downstream claims", s.Volumes, "kubectl get pv -o jsonpath='{.items[?(@.spec.csi.driver==\"" +
			volumeDriver + "\")].metadata.name}' | xargs -r kubectl delete pv   # after their claims; the data is downstream"},
		{"WorkloadSpreads", s.Spreads, "kubectl delete workloadspreads.apps.kruise.io --all -A"},
		{"SidecarSets", s.Sets, "kubectl delete sidecarsets.apps.kruise.io --all"},
		{"Definitions", s.CRDs, "kubectl delete crd " + all(s.CRDs) + "   # and all objects of these kinds, OpenKruise's too"},
		{"Webhooks that nobody will answer for", s.Mutating, "kubectl delete mutatingwebhookconfiguration " + all(s.Mutating) + "   # while it is there, pods that opt in may be refused"},
		{"Webhooks that nobody will answer for", s.Validating, "kubectl delete validatingwebhookconfiguration " + all(s.Validating)},
		{"Leases", s.Leases, "kubectl delete lease -n " + s.Namespace + " " + all(s.Leases)},
		{"Secrets", s.Secrets, "kubectl delete secret -n " + s.Namespace + " " + all(s.Secrets)},
	}
}

// pods says what becomes of pods whose virtual node nobody keeps any more.
func (s Survey) pods(b *strings.Builder) {
	if len(s.Pods) == 0 {
		return
	}
	fmt.Fprintf(b, "Pods on virtual nodes (%d): %s\n", len(s.Pods), list(s.Pods))
	b.WriteString("  They run on in the downstream cluster, but nobody tells here how they are, and logs and exec do not work.\n" +
		"  After about a minute Kubernetes takes their nodes for lost.\n")
	if s.Evicted > 0 {
		fmt.Fprintf(b, "  %d of them it then evicts, mostly after 5 minutes: here they stay Terminating, their workloads make others,\n"+
			"  which no virtual node takes, and downstream the old ones still run: the same work may be done twice.\n", s.Evicted)
	}
	if stay := len(s.Pods) - s.Evicted; stay > 0 {
		fmt.Fprintf(b, "  %d of them it leaves as they are, such as those with %s: %s.\n", stay, api.OnNodeLossAnnotation, api.OnNodeLossStay)
	}
	b.WriteString("  Who installs Spillway again before that, with the same virtual nodes, goes on with all of them.\n" +
		"  Who wants them to end downstream first, while Spillway still runs:\n" +
		"  kubectl cordon -l " + nodeSelector + "\n" +
		"  kubectl label namespace -l " + api.OptInLabel + " " + api.OptInLabel + "-   # and take that label out of pod templates\n" +
		"  kubectl drain -l " + nodeSelector + " --ignore-daemonsets --delete-emptydir-data\n")
}

// downstream says what is owned in the downstream clusters that were asked, or how
// to find it where none was.
func (s Survey) downstream(b *strings.Builder) {
	selector, found := ownedSelector(s.UpstreamID), false
	if len(s.Downstream) == 0 {
		fmt.Fprintf(b, "Downstream clusters were not asked. What is left there:\n  kubectl get %s -A -l %s\n", strings.Join(ownedResources(), ","), selector)
		return
	}
	for _, d := range s.Downstream {
		kubectl := "  kubectl --kubeconfig " + d.Kubeconfig + " delete "
		fmt.Fprintf(b, "Downstream, by %s:%s\n", d.Kubeconfig, d.counts())
		found = found || len(d.Kinds) > 0
		var plain, kept []string
		for _, kind := range d.Kinds {
			if kind.Kept {
				kept = append(kept, kind.Resource)
			} else {
				plain = append(plain, kind.Resource)
			}
		}
		if len(plain) > 0 {
			fmt.Fprintf(b, "%s%s -A -l %s   # ends the pods\n", kubectl, strings.Join(plain, ","), selector)
		}
		for _, resource := range kept {
			fmt.Fprintf(b, "%s%s -A -l %s   # with all that is in them\n", kubectl, resource, selector)
		}
		unknown(b, "  ", d.Unknown)
	}
	if s.UpstreamID == "" && found {
		b.WriteString("  This selects what belongs to any upstream cluster, since the id of this one could not be read.\n")
	}
}

func (d Downstream) counts() string {
	switch {
	case len(d.Kinds) == 0 && len(d.Unknown) == 0:
		return " nothing"
	case len(d.Kinds) == 0:
		return " nothing that could be read"
	}
	var all []string
	for _, kind := range d.Kinds {
		all = append(all, fmt.Sprintf(" %d %s", kind.Count, kind.Resource))
	}
	return strings.Join(all, ",")
}

// unknown says why parts are not known, those with one reason together.
func unknown(b *strings.Builder, indent string, parts []Unknown) {
	for i, part := range parts {
		if slices.ContainsFunc(parts[:i], func(other Unknown) bool { return other.Why == part.Why }) {
			continue
		}
		var what []string
		for _, other := range parts[i:] {
			if other.Why == part.Why {
				what = append(what, other.What)
			}
		}
		fmt.Fprintf(b, "%sNot known: %s: %s\n", indent, strings.Join(what, ", "), part.Why)
	}
}

// list names the first of them.
func list(names []string) string {
	if len(names) <= enough {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:enough], ", "), len(names)-enough)
}
