package translate

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// The subresources that take what the pod itself refuses to change.
const (
	// SubresourceEphemeral takes new ephemeral containers.
	SubresourceEphemeral = "ephemeralcontainers"
	// SubresourceResize takes new resources. API servers before Kubernetes 1.33 do
	// not have it, and those that do refuse some changes, such as one of the QoS
	// class. Either way the containers keep the resources they have, which the
	// upstream pod's status says.
	SubresourceResize = "resize"
)

// Patch is a strategic merge patch of a downstream pod. It names the pod's UID, so
// that an API server refuses it for another one.
type Patch struct {
	// Subresource is empty for the pod itself.
	Subresource string
	Body        []byte
}

// Patches returns the change as patches, in the order in which they are to be sent:
// the pod itself, then new ephemeral containers, then new resources. They do not
// depend on each other: one that is refused keeps none of the others back.
func (c Change) Patches() ([]Patch, error) {
	only := ChangedMetadata{UID: c.Metadata.UID}
	parts := []struct {
		subresource string
		wanted      bool
		body        any
	}{
		{"", c.Spec != nil || c.Metadata.Labels != nil || c.Metadata.Annotations != nil, podPatch{c.Metadata, c.Spec}},
		{SubresourceEphemeral, c.EphemeralContainers != nil, ephemeralPatch{only, addedContainers{c.EphemeralContainers}}},
		{SubresourceResize, c.Resources != nil, resizePatch{only, c.Resources}},
	}
	var all []Patch
	for _, part := range parts {
		if !part.wanted {
			continue
		}
		body, err := json.Marshal(part.body)
		if err != nil {
			return nil, fmt.Errorf("cannot encode the change of the downstream pod: %w", err)
		}
		all = append(all, Patch{Subresource: part.subresource, Body: body})
	}
	return all, nil
}

type podPatch struct {
	Metadata ChangedMetadata `json:"metadata"`
	Spec     *ChangedSpec    `json:"spec,omitempty"`
}

type ephemeralPatch struct {
	Metadata ChangedMetadata `json:"metadata"`
	Spec     addedContainers `json:"spec"`
}

type addedContainers struct {
	EphemeralContainers []corev1.EphemeralContainer `json:"ephemeralContainers"`
}

type resizePatch struct {
	Metadata ChangedMetadata   `json:"metadata"`
	Spec     *ChangedResources `json:"spec"`
}
