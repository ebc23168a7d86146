package provider

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/spillway-io/spillway/provider/translate"
)

// validateRules names every flag about the translation of pods that cannot work.
func validateRules(rules translate.Rules) []error {
	errs := validateNamespaces(rules.Namespaces)
	for _, mapping := range []struct {
		flag  string
		names map[string]string
	}{
		{"--scheduler-map", rules.SchedulerNames},
		{"--runtime-class-map", rules.RuntimeClasses},
		{"--storage-class-map", rules.StorageClasses},
	} {
		for _, upstream := range slices.Sorted(maps.Keys(mapping.names)) {
			for _, problem := range validation.IsDNS1123Subdomain(mapping.names[upstream]) {
				errs = append(errs, fmt.Errorf("%s %s=%s: %s", mapping.flag, upstream, mapping.names[upstream], problem))
			}
		}
	}
	return append(errs, validateAccess(rules.Access)...)
}

// validateNamespaces refuses what would lead two upstream namespaces into one.
func validateNamespaces(namespaces translate.Namespaces) []error {
	var errs []error
	if namespaces.Prefix != "" {
		// A prefix is the beginning of a name, which may end in a hyphen.
		for _, problem := range validation.IsDNS1123Label(namespaces.Prefix + "x") {
			errs = append(errs, fmt.Errorf("--namespace-prefix %q: %s", namespaces.Prefix, problem))
		}
	}
	taken := make(map[string]string, len(namespaces.Names))
	for _, upstream := range slices.Sorted(maps.Keys(namespaces.Names)) {
		downstream := namespaces.Names[upstream]
		for _, problem := range validation.IsDNS1123Label(downstream) {
			errs = append(errs, fmt.Errorf("--namespace-map %s=%s: %s", upstream, downstream, problem))
		}
		if other, twice := taken[downstream]; twice {
			errs = append(errs, fmt.Errorf("--namespace-map %s=%s: namespace %q leads there already", upstream, downstream, other))
		}
		taken[downstream] = upstream
		other, prefixed := strings.CutPrefix(downstream, namespaces.Prefix)
		if _, mapped := namespaces.Names[other]; prefixed && other != "" && other != upstream && !mapped {
			errs = append(errs, fmt.Errorf("--namespace-map %s=%s: namespace %q leads there too, unless it is mapped itself", upstream, downstream, other))
		}
	}
	return errs
}

func validateAccess(access translate.Access) []error {
	var errs []error
	for i, mode := range access.Modes {
		switch mode {
		case translate.AccessUpstream, translate.AccessDownstream, translate.AccessNone:
		default:
			errs = append(errs, fmt.Errorf("--pod-api-access %q: upstream, downstream or none", mode))
		}
		if slices.Contains(access.Modes[:i], mode) {
			errs = append(errs, fmt.Errorf("--pod-api-access %q: named twice", mode))
		}
	}
	wanted := slices.Contains(access.Modes, translate.AccessUpstream)
	switch port, err := strconv.ParseUint(access.Port, 10, 16); {
	case wanted && access.Host == "":
		errs = append(errs, fmt.Errorf("--pod-api-server: needed with --pod-api-access=%s", translate.AccessUpstream))
	case access.Host != "" && (err != nil || port == 0):
		errs = append(errs, fmt.Errorf("--pod-api-server %s:%s: a port from 1 to 65535 is needed", access.Host, access.Port))
	}
	return errs
}
