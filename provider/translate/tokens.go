package translate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	// defaultExpiration is the API's for a projected token, in seconds.
	defaultExpiration = 3600
	// minExpiration is the shortest lifetime that an API server gives a token.
	minExpiration = 600
	// fileOfGroup and fileOfAll are the permissions of a token, see tokenMode.
	fileOfGroup int32 = 0o600
	fileOfAll   int32 = 0o644
)

// Tokens returns the upstream tokens that the pod gets, in the order of its
// volumes; none unless its mode is AccessUpstream.
func Tokens(upstream *corev1.Pod, rules Rules) []Token {
	if rules.Access.modeOrNone(upstream) != AccessUpstream {
		return nil
	}
	var all []Token
	for i := range upstream.Spec.Volumes {
		v := &upstream.Spec.Volumes[i]
		for j, source := range projections(v) {
			if t := source.ServiceAccountToken; t != nil {
				all = append(all, Token{Key: tokenKey(v.Name, j), Audience: t.Audience, ExpirationSeconds: expiration(t)})
			}
		}
	}
	return all
}

// projections are the sources of a projected volume; none of any other.
func projections(v *corev1.Volume) []corev1.VolumeProjection {
	if v.Projected == nil {
		return nil
	}
	return v.Projected.Sources
}

// tokenKey is the key of the token that is a volume's source of that index.
func tokenKey(volume string, source int) string {
	return volume + "." + strconv.Itoa(source)
}

func expiration(t *corev1.ServiceAccountTokenProjection) int64 {
	if t.ExpirationSeconds == nil {
		return defaultExpiration
	}
	return max(*t.ExpirationSeconds, minExpiration)
}

// credentials makes the projected volumes of a spec hold what the mode gives:
// upstream's tokens from the Secret of that name, those of downstream's kubelet, or
// none. A volume that is left empty stays, so that its mounts do.
func credentials(spec *corev1.PodSpec, mode AccessMode, secret string) []Note {
	if mode == AccessDownstream {
		return nil
	}
	var notes []Note
	for i := range spec.Volumes {
		v := &spec.Volumes[i]
		if v.Projected == nil {
			continue
		}
		if mode == AccessUpstream {
			fromSecret(v, secret, tokenMode(spec, v.Projected))
		}
		v.Projected.Sources = slices.DeleteFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
			what := credentialIn(&s)
			if what != "" {
				notes = append(notes, credentialDropped(v.Name, what, mode))
			}
			return what != ""
		})
	}
	return notes
}

// fromSecret has the tokens of a projected volume come from a Secret.
func fromSecret(v *corev1.Volume, secret string, mode *int32) {
	for i := range v.Projected.Sources {
		source := &v.Projected.Sources[i]
		if t := source.ServiceAccountToken; t != nil {
			source.ServiceAccountToken = nil
			source.Secret = &corev1.SecretProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: secret},
				Items:                []corev1.KeyToPath{{Key: tokenKey(v.Name, i), Path: t.Path, Mode: mode, User: t.User}},
			}
		}
	}
}

// credentialIn names what a kubelet would ask its own API server for; empty for
// every other source.
func credentialIn(s *corev1.VolumeProjection) string {
	switch {
	case s.ServiceAccountToken != nil:
		return fmt.Sprintf("the ServiceAccount token %q", s.ServiceAccountToken.Path)
	case s.PodCertificate != nil:
		return fmt.Sprintf("the certificate of signer %q", s.PodCertificate.SignerName)
	default:
		return ""
	}
}

// tokenMode is the permission of a token's file, nil for the volume's default. A
// kubelet gives a token to the group of the volumes, or else to the user if all
// containers run as the same, whatever the default is. What comes from a Secret
// belongs to root and, with an fsGroup, to that group, which the kubelet lets
// read it; for any other user it must be readable by all.
func tokenMode(spec *corev1.PodSpec, projected *corev1.ProjectedVolumeSource) *int32 {
	pod := spec.SecurityContext
	if pod != nil && pod.FSGroup != nil {
		return new(fileOfGroup)
	}
	user := projected.DefaultUser != nil || (pod != nil && pod.RunAsUser != nil)
	for _, c := range allContainers(spec) {
		user = user || (c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil)
	}
	if user {
		return new(fileOfAll)
	}
	return nil
}

// isAdmittedToken recognizes the volume that upstream's ServiceAccount admission
// added, by the name and the sources that it gives. A token that the pod's author
// projects is another matter.
func isAdmittedToken(v corev1.Volume) bool {
	if !strings.HasPrefix(v.Name, "kube-api-access-") {
		return false
	}
	token := slices.ContainsFunc(projections(&v), func(s corev1.VolumeProjection) bool { return s.ServiceAccountToken != nil })
	root := slices.ContainsFunc(projections(&v), func(s corev1.VolumeProjection) bool {
		return s.ConfigMap != nil && s.ConfigMap.Name == rootCAName
	})
	return token && root
}

// dropAdmittedToken removes that volume and its mounts. Downstream it would hold a
// token of the downstream API server that nobody there granted.
func dropAdmittedToken(spec *corev1.PodSpec) {
	var dropped []string
	spec.Volumes = without(spec.Volumes, func(v corev1.Volume) bool {
		if isAdmittedToken(v) {
			dropped = append(dropped, v.Name)
			return true
		}
		return false
	})
	if dropped == nil {
		return
	}
	for _, c := range allContainers(spec) {
		c.VolumeMounts = without(c.VolumeMounts, func(m corev1.VolumeMount) bool { return slices.Contains(dropped, m.Name) })
	}
}

// without removes elements from a list of the caller's own; none is nil.
func without[E any](all []E, unwanted func(E) bool) []E {
	if left := slices.DeleteFunc(all, unwanted); len(left) > 0 {
		return left
	}
	return nil
}
