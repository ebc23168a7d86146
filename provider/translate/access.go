package translate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// rootCAName is the ConfigMap with the API server's certificate authority that
// every namespace of every cluster has.
const rootCAName = "kube-root-ca.crt"

// The names of objects that pods get downstream, and nobody else may, begin so.
const (
	tokensPrefix = "spillway-token-"
	rootCAPrefix = "spillway-root-ca-"
)

// AccessError says that a pod asks for an AccessMode that it does not get. It is
// about the pod's annotation, which can be put right.
type AccessError struct {
	// Value is what api.APIAccessAnnotation says.
	Value string
	// Allowed are the modes that the virtual node allows.
	Allowed []AccessMode
}

// Error names the annotation, its value and the allowed ones.
func (e *AccessError) Error() string {
	return fmt.Sprintf("annotation %s: %q is not one of the modes that this virtual node allows: %q", api.APIAccessAnnotation, e.Value, e.Allowed)
}

// Mode returns the mode of an upstream pod. The error is an *AccessError.
func (a Access) Mode(upstream *corev1.Pod) (AccessMode, error) {
	if a.made != "" {
		return a.made, nil
	}
	allowed := a.Modes
	if len(allowed) == 0 {
		allowed = []AccessMode{AccessNone}
	}
	value, chosen := upstream.Annotations[api.APIAccessAnnotation]
	if !chosen {
		return allowed[0], nil
	}
	if !isMode(AccessMode(value)) || !slices.Contains(allowed, AccessMode(value)) {
		return "", &AccessError{Value: value, Allowed: allowed}
	}
	return AccessMode(value), nil
}

// modeOrNone is the mode of a pod that runs or will: one that is refused gets
// nothing.
func (a Access) modeOrNone(upstream *corev1.Pod) AccessMode {
	mode, err := a.Mode(upstream)
	if err != nil {
		return AccessNone
	}
	return mode
}

// MadeFor returns the rules for what belongs to an existing downstream pod: its
// mode stays the one that it was made with, which it says in
// api.APIAccessAnnotation, whatever the annotation of the upstream pod or the
// virtual node's default have become since.
func (r Rules) MadeFor(downstream *corev1.Pod) Rules {
	if made := AccessMode(downstream.Annotations[api.APIAccessAnnotation]); isMode(made) {
		r.Access.made = made
	}
	return r
}

func isMode(mode AccessMode) bool {
	return mode == AccessUpstream || mode == AccessDownstream || mode == AccessNone
}

// TokenSecret is the name of the downstream Secret with the Tokens of a pod.
func TokenSecret(upstream *corev1.Pod) string {
	return tokensPrefix + string(upstream.UID)
}

// rootCA is the name that upstream's kube-root-ca.crt has downstream, where a
// foreign one is in every namespace. Several virtual nodes may share a namespace.
func (id Identity) rootCA() string {
	sum := sha256.Sum256([]byte(id.UpstreamID + "/" + id.Node.Name))
	return rootCAPrefix + hex.EncodeToString(sum[:4])
}

// rename has a spec name upstream's kube-root-ca.crt as it is named downstream.
func rename(spec *corev1.PodSpec, rootCA string) {
	for _, u := range uses(spec) {
		if u.isRootCA() {
			*u.name = rootCA
		}
	}
}

// serve tells all containers where the upstream API server is, before what their
// author tells them, which may refer to it and comes first where it says otherwise.
func serve(spec *corev1.PodSpec, access Access) {
	for _, c := range allContainers(spec) {
		c.Env = slices.Concat(access.serverEnv(c.Env), c.Env)
	}
}

// serverEnv are the variables by which a container finds the upstream API server,
// but those that it has: all that a kubelet sets for the Service "kubernetes",
// whose port is 443. One that was left out would name the downstream API server.
func (a Access) serverEnv(have []corev1.EnvVar) []corev1.EnvVar {
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	url := "tcp://" + host + ":" + a.Port
	return without([]corev1.EnvVar{
		{Name: "KUBERNETES_SERVICE_HOST", Value: a.Host},
		{Name: "KUBERNETES_SERVICE_PORT", Value: a.Port},
		{Name: "KUBERNETES_SERVICE_PORT_HTTPS", Value: a.Port},
		{Name: "KUBERNETES_PORT", Value: url},
		{Name: "KUBERNETES_PORT_443_TCP", Value: url},
		{Name: "KUBERNETES_PORT_443_TCP_PROTO", Value: "tcp"},
		{Name: "KUBERNETES_PORT_443_TCP_PORT", Value: a.Port},
		{Name: "KUBERNETES_PORT_443_TCP_ADDR", Value: a.Host},
	}, func(v corev1.EnvVar) bool {
		return slices.ContainsFunc(have, func(own corev1.EnvVar) bool { return own.Name == v.Name })
	})
}
