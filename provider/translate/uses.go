package translate

import (
	corev1 "k8s.io/api/core/v1"
)

// use is one place in a pod's spec that names an object of its namespace.
type use struct {
	kind Kind
	// name points into the spec.
	name     *string
	optional bool
	// keys are those that must be there, unless the use is optional.
	keys []string
}

// isRootCA says whether it names the ConfigMap that every namespace has.
func (u use) isRootCA() bool { return u.kind == ConfigMap && *u.name == rootCAName }

// uses finds every such place: in volumes and projections, environment variables
// and pull secrets.
func uses(spec *corev1.PodSpec) []use {
	var all []use
	for i := range spec.ImagePullSecrets {
		// Without it a kubelet pulls as anybody, which may do.
		all = append(all, use{kind: Secret, name: &spec.ImagePullSecrets[i].Name, optional: true})
	}
	for i := range spec.Volumes {
		all = append(all, volumeUses(&spec.Volumes[i].VolumeSource)...)
	}
	for _, c := range allContainers(spec) {
		all = append(all, containerUses(c)...)
	}
	return all
}

// allContainers returns the containers of all three kinds.
func allContainers(spec *corev1.PodSpec) []*corev1.Container {
	all := make([]*corev1.Container, 0, len(spec.InitContainers)+len(spec.Containers)+len(spec.EphemeralContainers))
	for i := range spec.InitContainers {
		all = append(all, &spec.InitContainers[i])
	}
	for i := range spec.Containers {
		all = append(all, &spec.Containers[i])
	}
	for i := range spec.EphemeralContainers {
		all = append(all, (*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
	return all
}

func containerUses(c *corev1.Container) []use {
	var all []use
	for i := range c.EnvFrom {
		if s := c.EnvFrom[i].SecretRef; s != nil {
			all = append(all, use{kind: Secret, name: &s.Name, optional: is(s.Optional)})
		}
		if m := c.EnvFrom[i].ConfigMapRef; m != nil {
			all = append(all, use{kind: ConfigMap, name: &m.Name, optional: is(m.Optional)})
		}
	}
	for i := range c.Env {
		from := c.Env[i].ValueFrom
		if from == nil {
			continue
		}
		if s := from.SecretKeyRef; s != nil {
			all = append(all, use{kind: Secret, name: &s.Name, optional: is(s.Optional), keys: []string{s.Key}})
		}
		if m := from.ConfigMapKeyRef; m != nil {
			all = append(all, use{kind: ConfigMap, name: &m.Name, optional: is(m.Optional), keys: []string{m.Key}})
		}
	}
	return all
}

func volumeUses(v *corev1.VolumeSource) []use {
	var all []use
	if s := v.Secret; s != nil {
		all = append(all, use{kind: Secret, name: &s.SecretName, optional: is(s.Optional), keys: keysOf(s.Items)})
	}
	if m := v.ConfigMap; m != nil {
		all = append(all, use{kind: ConfigMap, name: &m.Name, optional: is(m.Optional), keys: keysOf(m.Items)})
	}
	if c := v.PersistentVolumeClaim; c != nil {
		all = append(all, use{kind: Claim, name: &c.ClaimName})
	}
	if p := v.Projected; p != nil {
		for i := range p.Sources {
			all = append(all, projectionUses(&p.Sources[i])...)
		}
	}
	if v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil {
		all = append(all, templateUses(&v.Ephemeral.VolumeClaimTemplate.Spec)...)
	}
	return append(all, driverUses(v)...)
}

func projectionUses(p *corev1.VolumeProjection) []use {
	var all []use
	if s := p.Secret; s != nil {
		all = append(all, use{kind: Secret, name: &s.Name, optional: is(s.Optional), keys: keysOf(s.Items)})
	}
	if m := p.ConfigMap; m != nil {
		all = append(all, use{kind: ConfigMap, name: &m.Name, optional: is(m.Optional), keys: keysOf(m.Items)})
	}
	return all
}

// templateUses finds the claim that the claim of a generic ephemeral volume is
// cloned from.
func templateUses(claim *corev1.PersistentVolumeClaimSpec) []use {
	var all []use
	if d := claim.DataSource; d != nil && d.Kind == string(Claim) && text(d.APIGroup) == "" {
		all = append(all, use{kind: Claim, name: &d.Name})
	}
	if d := claim.DataSourceRef; d != nil && d.Kind == string(Claim) && text(d.APIGroup) == "" && text(d.Namespace) == "" {
		all = append(all, use{kind: Claim, name: &d.Name})
	}
	return all
}

// driverUses finds the credentials of storage drivers.
func driverUses(v *corev1.VolumeSource) []use {
	var refs []*corev1.LocalObjectReference
	if v.CSI != nil {
		refs = append(refs, v.CSI.NodePublishSecretRef)
	}
	if v.CephFS != nil {
		refs = append(refs, v.CephFS.SecretRef)
	}
	if v.Cinder != nil {
		refs = append(refs, v.Cinder.SecretRef)
	}
	if v.FlexVolume != nil {
		refs = append(refs, v.FlexVolume.SecretRef)
	}
	if v.ISCSI != nil {
		refs = append(refs, v.ISCSI.SecretRef)
	}
	if v.RBD != nil {
		refs = append(refs, v.RBD.SecretRef)
	}
	if v.ScaleIO != nil {
		refs = append(refs, v.ScaleIO.SecretRef)
	}
	if v.StorageOS != nil {
		refs = append(refs, v.StorageOS.SecretRef)
	}
	var all []use
	for _, ref := range refs {
		if ref != nil {
			all = append(all, use{kind: Secret, name: &ref.Name})
		}
	}
	if v.AzureFile != nil {
		all = append(all, use{kind: Secret, name: &v.AzureFile.SecretName})
	}
	return all
}

func keysOf(items []corev1.KeyToPath) []string {
	keys := make([]string, 0, len(items))
	for i := range items {
		keys = append(keys, items[i].Key)
	}
	return keys
}

func is(flag *bool) bool { return flag != nil && *flag }

// text reads an optional text, nil being the empty one.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
