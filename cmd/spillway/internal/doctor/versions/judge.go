package versions

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// The minor versions of Kubernetes 1 that are supported, in either cluster; those of
// docs/versions.md.
const (
	OldestMinor = 35
	NewestMinor = 37
)

// Cluster is one, by its version.
type Cluster struct {
	// Name is what people call it.
	Name string
	// Version is what its API server says, such as v1.37.0.
	Version string
}

// JudgeCluster says whether a cluster's version is supported.
func JudgeCluster(c Cluster) []finding.Finding {
	v, err := version.ParseGeneric(c.Version)
	f := finding.Finding{Severity: finding.Warning, Object: c.Name}
	switch {
	case err != nil:
		f.Severity, f.Cause = finding.Note, "version-unreadable"
		f.Text, f.Fix = fmt.Sprintf("calls its version %q, which says nothing", c.Version), fmt.Sprintf("make sure that it is from 1.%d to 1.%d", OldestMinor, NewestMinor)
	case v.Major() == 1 && v.Minor() < OldestMinor:
		f.Cause = "version-too-old"
		f.Text = fmt.Sprintf("has version %s; Spillway is tested from 1.%d on, and some of what it does needs that", c.Version, OldestMinor)
		f.Fix = "upgrade the cluster; docs/versions.md says what is missing until then"
	case v.Major() > 1 || v.Minor() > NewestMinor:
		f.Cause = "version-too-new"
		f.Text = fmt.Sprintf("has version %s, and Spillway knows fields of pods up to 1.%d: virtual nodes do not pass newer ones on", c.Version, NewestMinor)
		f.Fix = "upgrade Spillway to a version that is built with that Kubernetes"
	default:
		return nil
	}
	return []finding.Finding{f}
}

// Kinds says which of the kinds that Spillway works with the cluster has.
type Kinds struct {
	WorkloadSpreads, SidecarSets bool
}

// JudgeKinds says what it means that a kind is missing.
func JudgeKinds(k Kinds) []finding.Finding {
	var missing []string
	if !k.WorkloadSpreads {
		missing = append(missing, "WorkloadSpread")
	}
	if !k.SidecarSets {
		missing = append(missing, "SidecarSet")
	}
	if len(missing) == 0 {
		return nil
	}
	return []finding.Finding{{
		Severity: finding.Warning, Object: "the upstream cluster", Cause: "kinds-missing",
		Text: fmt.Sprintf("has no %s (apps.kruise.io/v1alpha1): nothing can be spread over subsets or given sidecars by them", strings.Join(missing, " and no ")),
		Fix:  "have the chart install its CRDs: helm upgrade with crds.install=true",
	}}
}

// Part is a process of Spillway.
type Part struct {
	// Name is its Deployment, or the virtual node.
	Name string
	// Image is that of its container; empty if it is not known.
	Image string
	// Version is what it says its version is; empty if it is not known.
	Version string
	// Current says that this binary is of that version.
	Current bool
}

// JudgeParts says whether the parts of Spillway are of one version, and of that of this
// binary.
func JudgeParts(parts []Part, own string) []finding.Finding {
	byImage := map[string][]string{}
	var images, others []string
	for _, p := range parts {
		if p.Image != "" {
			if byImage[p.Image] == nil {
				images = append(images, p.Image)
			}
			byImage[p.Image] = append(byImage[p.Image], p.Name)
		}
		if p.Version != "" && !p.Current {
			others = append(others, p.Name+" is "+p.Version)
		}
	}
	var found []finding.Finding
	if len(images) > 1 {
		slices.Sort(images)
		var each []string
		for _, image := range images {
			each = append(each, fmt.Sprintf("%s in %s", image, strings.Join(byImage[image], ", ")))
		}
		found = append(found, finding.Finding{
			Severity: finding.Warning, Object: "images of Spillway", Cause: "images-differ",
			Text: "webhook and virtual nodes are of different images: " + strings.Join(each, "; "),
			Fix:  "helm upgrade all of them to one version; while an upgrade is under way this is normal",
		})
	}
	if len(others) > 0 {
		found = append(found, finding.Finding{
			Severity: finding.Note, Object: "this binary", Cause: "binary-differs",
			Text: fmt.Sprintf("is %s, and of another version than what runs: %s; it judges by its own rules", own, finding.Some(others)),
			Fix:  "use the binary of the version that is installed",
		})
	}
	return found
}
