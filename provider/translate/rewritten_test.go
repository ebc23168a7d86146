package translate_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// rootCA has the first eight digits of the SHA-256 of "<upstreamID>/east".
const rootCA = "spillway-root-ca-82165223"

// expected says what rewritten fields are to be, in other words than the code.
type expected struct {
	upstream *corev1.Pod
	rules    translate.Rules
	mode     translate.AccessMode
}

type checks map[string]func(from, to any) string

func rewritten(t *testing.T, upstream *corev1.Pod, rules translate.Rules, facts translate.Facts) checks {
	t.Helper()
	fields, err := stash.Recover(upstream, rules.Node)
	if err != nil {
		t.Fatal(err)
	}
	e := expected{upstream, rules, rules.Access.Modes[0]}
	all := checks{
		"metadata.namespace":            becomes(e.namespace),
		"metadata.labels":               e.labels,
		"metadata.annotations":          e.annotations,
		"spec.ephemeralContainers":      is([]corev1.EphemeralContainer(nil)),
		"spec.nodeSelector":             is(fields.NodeSelector),
		"spec.tolerations":              is(fields.Tolerations),
		"spec.affinity":                 is(e.affinity(fields.Affinity)),
		"spec.schedulerName":            becomes(func(from string) string { return map[string]string{"a": "special"}[from] }),
		"spec.runtimeClassName":         becomes(e.class("sandboxed")),
		"spec.volumes[].configMap.name": becomes(e.configMap),
		"spec.priorityClassName": becomes(func(from string) string {
			if facts.PriorityClass && from != "system-z" {
				return from
			}
			return ""
		}),
		"spec.topologySpreadConstraints":                                            is(fields.TopologySpreadConstraints),
		"spec.serviceAccountName":                                                   becomes(func(from string) string { return only(e.mode == translate.AccessDownstream, from) }),
		"spec.automountServiceAccountToken":                                         becomes(e.automount),
		"spec.volumes[].downwardAPI.items[].fieldRef":                               becomes(e.fileField),
		"spec.volumes[].projected.sources":                                          e.projected,
		"spec.volumes[].ephemeral.volumeClaimTemplate.spec.storageClassName":        becomes(e.class("fast")),
		"spec.volumes[].ephemeral.volumeClaimTemplate.spec.dataSourceRef.namespace": becomes(e.otherNamespace),
	}
	for _, kind := range []string{"spec.containers[]", "spec.initContainers[]"} {
		all[kind+".env"] = e.env
		all[kind+".envFrom[].configMapRef.name"] = becomes(e.configMap)
		all[kind+".volumeMounts"] = becomes(func(from []corev1.VolumeMount) []corev1.VolumeMount { return from })
	}
	return all
}

func is(want any) func(_, to any) string {
	return func(_, to any) string { return differ(want, to) }
}

func becomes[T any](want func(from T) T) func(from, to any) string {
	return func(from, to any) string { return differ(want(from.(T)), to) }
}

func differ(want, got any) string {
	if apiequality.Semantic.DeepEqual(want, got) {
		return ""
	}
	return "-want +got:\n" + cmp.Diff(want, got)
}

func only(when bool, value string) string {
	if when {
		return value
	}
	return ""
}

func (e expected) namespace(name string) string { return e.rules.Namespaces.Prefix + name }

func (e expected) otherNamespace(name *string) *string {
	if name == nil || *name == "" {
		return name
	}
	return new(e.namespace(*name))
}

func (e expected) labels(from, to any) string {
	want := maps.Clone(from.(map[string]string))
	if want == nil {
		want = map[string]string{}
	}
	want["spillway.io/upstream"], want["spillway.io/virtual-node"] = upstreamID, "east"
	return differ(want, to)
}

func (e expected) annotations(from, to any) string {
	want := maps.Clone(from.(map[string]string))
	if want == nil {
		want = map[string]string{}
	}
	want["spillway.io/upstream-uid"], want["spillway.io/api-access"] = string(e.upstream.UID), string(e.mode)
	if e.rules.Namespaces.Prefix != "" {
		want["spillway.io/upstream-namespace"] = "shop"
	}
	return differ(want, to)
}

func (e expected) affinity(a *corev1.Affinity) *corev1.Affinity {
	want := a.DeepCopy()
	if want == nil {
		return nil
	}
	var terms []*corev1.PodAffinityTerm
	for _, list := range [][]corev1.PodAffinityTerm{
		ptr(want.PodAffinity).RequiredDuringSchedulingIgnoredDuringExecution, ptr(want.PodAntiAffinity).RequiredDuringSchedulingIgnoredDuringExecution,
	} {
		for i := range list {
			terms = append(terms, &list[i])
		}
	}
	for _, list := range [][]corev1.WeightedPodAffinityTerm{
		ptr(want.PodAffinity).PreferredDuringSchedulingIgnoredDuringExecution, ptr(want.PodAntiAffinity).PreferredDuringSchedulingIgnoredDuringExecution,
	} {
		for i := range list {
			terms = append(terms, &list[i].PodAffinityTerm)
		}
	}
	for _, term := range terms {
		for i, name := range term.Namespaces {
			term.Namespaces[i] = e.namespace(name)
		}
	}
	return want
}

func ptr[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// class is the mapping of randomRules: a has another name, and b none.
func (e expected) class(a string) func(*string) *string {
	return func(from *string) *string {
		switch ptr(from) {
		case "a":
			return &a
		case "b":
			return nil
		default:
			return from
		}
	}
}

func (e expected) configMap(name string) string {
	if name == "kube-root-ca.crt" && e.mode == translate.AccessUpstream {
		return rootCA
	}
	return name
}

func (e expected) automount(from *bool) *bool {
	if e.mode == translate.AccessDownstream {
		return from
	}
	return new(false)
}

func (e expected) fileField(from *corev1.ObjectFieldSelector) *corev1.ObjectFieldSelector {
	want := from.DeepCopy()
	switch {
	case want == nil:
	case want.FieldPath == "metadata.uid":
		want.FieldPath = "metadata.annotations['spillway.io/upstream-uid']"
	case want.FieldPath == "metadata.namespace" && e.rules.Namespaces.Prefix != "":
		want.FieldPath = "metadata.annotations['spillway.io/upstream-namespace']"
	}
	return want
}

func (e expected) projected(from, to any) string {
	var want []corev1.VolumeProjection
	got := slices.Clone(to.([]corev1.VolumeProjection))
	for i, source := range from.([]corev1.VolumeProjection) {
		source = *source.DeepCopy()
		switch {
		case e.mode == translate.AccessDownstream || (source.ServiceAccountToken == nil && source.PodCertificate == nil):
		case e.mode == translate.AccessUpstream && source.ServiceAccountToken != nil:
			at := len(want)
			if at >= len(got) || got[at].Secret == nil || len(got[at].Secret.Items) != 1 {
				return "a token does not come from a Secret"
			}
			item := got[at].Secret.Items[0]
			if got[at].Secret.Name != "spillway-token-"+string(e.upstream.UID) || item.Path != source.ServiceAccountToken.Path ||
				!strings.HasSuffix(item.Key, fmt.Sprintf(".%d", i)) {
				return fmt.Sprintf("token %d of %v comes from %v", i, source.ServiceAccountToken, got[at].Secret)
			}
			source = got[at]
		default:
			continue
		}
		if source.ConfigMap != nil {
			source.ConfigMap.Name = e.configMap(source.ConfigMap.Name)
		}
		if source.DownwardAPI != nil {
			for j := range source.DownwardAPI.Items {
				source.DownwardAPI.Items[j].FieldRef = e.fileField(source.DownwardAPI.Items[j].FieldRef)
			}
		}
		want = append(want, source)
	}
	return differ(want, got)
}

func (e expected) env(from, to any) string {
	want, got := from.([]corev1.EnvVar), to.([]corev1.EnvVar)
	if more := len(got) - len(want); e.mode == translate.AccessUpstream && more >= 0 {
		for _, v := range got[:more] {
			if !strings.HasPrefix(v.Name, "KUBERNETES_") || slices.ContainsFunc(want, func(own corev1.EnvVar) bool { return own.Name == v.Name }) {
				return v.Name + " comes before the author's"
			}
		}
		got = got[more:]
	}
	var all []corev1.EnvVar
	for _, v := range want {
		v = *v.DeepCopy()
		if v.ValueFrom != nil && v.ValueFrom.ConfigMapKeyRef != nil {
			v.ValueFrom.ConfigMapKeyRef.Name = e.configMap(v.ValueFrom.ConfigMapKeyRef.Name)
		}
		if v.ValueFrom != nil && v.ValueFrom.FieldRef != nil {
			if value := e.literal(v.ValueFrom.FieldRef.FieldPath); value != "" {
				v = corev1.EnvVar{Name: v.Name, Value: value}
			}
		}
		all = append(all, v)
	}
	return differ(all, got)
}

func (e expected) literal(field string) string {
	switch field {
	case "metadata.uid":
		return string(e.upstream.UID)
	case "metadata.namespace":
		return only(e.rules.Namespaces.Prefix != "", "shop")
	case "spec.nodeName":
		return e.upstream.Spec.NodeName
	case "spec.serviceAccountName":
		return only(e.mode != translate.AccessDownstream, e.upstream.Spec.ServiceAccountName)
	default:
		return ""
	}
}
