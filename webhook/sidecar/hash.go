package sidecar

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
)

// Hash identifies a version of a set by its containers, as Kruise does, byte for
// byte. Init containers are part of it only if one of them runs beside the app,
// and then all are. Volumes, pull secrets, annotations and strategies are not, so
// that changing them makes no pod outdated. It is of the set as it is given:
// defaults must have been written.
func Hash(set *v1alpha1.SidecarSet) string {
	return hash(set.Spec.Containers, set.Spec.InitContainers)
}

// HashWithoutImage is the Hash of a set without its images: where it stays the
// same, running pods can follow a change.
func HashWithoutImage(set *v1alpha1.SidecarSet) string {
	return hash(withoutImages(set.Spec.Containers), withoutImages(set.Spec.InitContainers))
}

func withoutImages(containers []v1alpha1.SidecarContainer) []v1alpha1.SidecarContainer {
	containers = slices.Clone(containers)
	for i := range containers {
		containers[i].Image = ""
	}
	return containers
}

func hash(containers, initContainers []v1alpha1.SidecarContainer) string {
	content := map[string]any{"containers": containers}
	if slices.ContainsFunc(initContainers, func(c v1alpha1.SidecarContainer) bool { return isNative(&c.Container) }) {
		content["initContainers"] = initContainers
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		// What was decoded can be encoded, but for a number or string of neither
		// type, which no API server lets through.
		return ""
	}
	sum := sha256.Sum256(encoded)
	return safeEncode(hex.EncodeToString(sum[:]))
}

// safeEncode writes a text in letters and digits that make no words. The alphabet
// and the rule are those of SafeEncodeString in k8s.io/apimachinery/pkg/util/rand,
// which also draws random numbers and is out of reach of the core for that.
func safeEncode(text string) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	encoded := []byte(text)
	for i, b := range encoded {
		encoded[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(encoded)
}
