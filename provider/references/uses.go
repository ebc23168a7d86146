package references

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// Key names a copy, an object of the downstream cluster.
type Key struct {
	// Kind is translate.ConfigMap or translate.Secret.
	Kind translate.Kind
	// Namespace is the downstream one.
	Namespace, Name string
}

// kinds are the kinds of copies.
func kinds() []translate.Kind { return []translate.Kind{translate.ConfigMap, translate.Secret} }

// String is for logs and indexes: kind/namespace/name.
func (k Key) String() string { return string(k.Kind) + "/" + k.Namespace + "/" + k.Name }

func (k Key) compare(other Key) int {
	return cmp.Or(strings.Compare(string(k.Kind), string(other.Kind)),
		strings.Compare(k.Namespace, other.Namespace), strings.Compare(k.Name, other.Name))
}

// Want is a pod's use of a copy.
type Want struct {
	Key
	// Origin is the upstream object that the copy stands for; empty for the tokens
	// of the pod.
	Origin Origin
	// Optional says that the pod runs without it too.
	Optional bool
}

// Origin names an upstream object, of the copy's kind.
type Origin struct{ Namespace, Name string }

// Wanted returns the copies that an upstream pod uses, those it needs its tokens in
// last; none when it is finished. What it must not name is not among them.
func Wanted(upstream *corev1.Pod, rules translate.Rules) []Want {
	if translate.Finished(upstream) {
		return nil
	}
	namespace := rules.Namespaces.Downstream(upstream.Namespace)
	var all []Want
	for _, r := range translate.References(upstream, rules) {
		if !slices.Contains(kinds(), r.Kind) || r.IsReserved() {
			continue
		}
		all = append(all, Want{
			Key:      Key{Kind: r.Kind, Namespace: namespace, Name: r.Downstream},
			Origin:   Origin{Namespace: upstream.Namespace, Name: r.Name},
			Optional: r.Optional,
		})
	}
	if len(translate.Tokens(upstream, rules)) > 0 {
		all = append(all, Want{Key: Key{Kind: translate.Secret, Namespace: namespace, Name: translate.TokenSecret(upstream)}})
	}
	return all
}

// Mentioned returns the copies that a downstream pod of ours has in its spec, until
// its containers are over. Unlike its upstream pod it exists until they are, and it
// says what it was made with, whatever the rules have become since.
func Mentioned(downstream *corev1.Pod, rules translate.Rules) []Key {
	if translate.Finished(downstream) || !rules.Owns(downstream) {
		return nil
	}
	var all []Key
	for _, r := range translate.References(downstream, rules.MadeFor(downstream)) {
		if slices.Contains(kinds(), r.Kind) {
			all = append(all, Key{Kind: r.Kind, Namespace: downstream.Namespace, Name: r.Name})
		}
	}
	return all
}

// Uses are copies in use.
type Uses map[Key]struct{}

// Used returns the copies that pods of either cluster use.
func Used(upstream, downstream []corev1.Pod, rules translate.Rules) Uses {
	uses := make(Uses)
	for i := range upstream {
		for _, want := range Wanted(&upstream[i], rules) {
			uses[want.Key] = struct{}{}
		}
	}
	for i := range downstream {
		for _, key := range Mentioned(&downstream[i], rules) {
			uses[key] = struct{}{}
		}
	}
	return uses
}

// find returns the pod's use of a copy.
func find(wants []Want, key Key) (Want, bool) {
	at := slices.IndexFunc(wants, func(w Want) bool { return w.Key == key })
	if at < 0 {
		return Want{}, false
	}
	return wants[at], true
}
