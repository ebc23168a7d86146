package translate

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Kind is the kind of an object that a pod refers to.
type Kind string

// The kinds of references.
const (
	ConfigMap Kind = "ConfigMap"
	Secret    Kind = "Secret"
	Claim     Kind = "PersistentVolumeClaim"
)

// Reference is an object in a pod's namespace which the pod needs, or uses when
// it is there.
type Reference struct {
	Kind Kind
	// Name is the object's name upstream, Downstream the name it has downstream,
	// which differs for what every namespace has, such as kube-root-ca.crt.
	Name, Downstream string
	// Optional says that the pod runs without it too. A reference that is made
	// several times is optional only if it is each time.
	Optional bool
	// Keys are those that must be in a ConfigMap or Secret, sorted.
	Keys []string
}

// IsReserved says whether the name is one that only objects of ours have downstream:
// the Secret of a pod's tokens, upstream's certificate authority. Nothing upstream may
// take their place, and no pod may get another one's token by its name.
func (r Reference) IsReserved() bool { return isReserved(r.Kind, r.Name) }

func isReserved(kind Kind, name string) bool {
	return kind == Secret && strings.HasPrefix(name, tokensPrefix) || kind == ConfigMap && strings.HasPrefix(name, rootCAPrefix)
}

// Token is a ServiceAccount token of the upstream cluster that a pod gets.
type Token struct {
	// Key is where it is in the Secret of that pod's tokens, see TokenSecret.
	Key string
	// Audience is who is to accept it; empty for the upstream API server.
	Audience string
	// ExpirationSeconds is the lifetime to ask for.
	ExpirationSeconds int64
}

// References returns the objects that the pod refers to, each once, sorted by
// kind and name: of volumes and projections, environment variables, pull
// secrets and CSI volumes, in all kinds of containers. For a pod that is refused
// because of its AccessMode they are those of AccessNone.
//
// Upstream's kube-root-ca.crt is among them only for AccessUpstream: otherwise the
// pod means, and finds, the downstream cluster's.
func References(upstream *corev1.Pod, rules Rules) []Reference {
	type object struct {
		kind Kind
		name string
	}
	mode := rules.Access.modeOrNone(upstream)
	spec := upstream.Spec
	if mode != AccessUpstream {
		spec.Volumes = slices.DeleteFunc(slices.Clone(spec.Volumes), isAdmittedToken)
	}
	found := make(map[object]*Reference)
	for _, u := range uses(&spec) {
		if *u.name == "" || (u.isRootCA() && mode != AccessUpstream) {
			continue
		}
		r := found[object{u.kind, *u.name}]
		if r == nil {
			r = &Reference{Kind: u.kind, Name: *u.name, Downstream: *u.name, Optional: true}
			found[object{u.kind, *u.name}] = r
		}
		if u.isRootCA() {
			r.Downstream = rules.rootCA()
		}
		if !u.optional {
			r.Optional = false
			r.Keys = append(r.Keys, u.keys...)
		}
	}
	all := make([]Reference, 0, len(found))
	for _, r := range found {
		slices.Sort(r.Keys)
		r.Keys = slices.Compact(r.Keys)
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all
}
