package sidecar

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Where administrators say which annotations SidecarSets may write: in a ConfigMap
// in the namespace of the webhook, or in Kruise's.
const (
	WhitelistConfigMap       = "spillway-configuration"
	KruiseWhitelistConfigMap = "kruise-configuration"
	KruiseNamespace          = "kruise-system"
	// WhitelistKey is where in the ConfigMap the whitelist stands, see
	// ParseWhitelist.
	WhitelistKey = "SidecarSet_PatchPodMetadata_WhiteList"
)

// Whitelist says which annotations of pods SidecarSets may write. The zero value
// allows none.
type Whitelist struct {
	rules []whitelistRule
}

type whitelistRule struct {
	sets labels.Selector
	keys []*regexp.Regexp
}

// ParseWhitelist reads a whitelist in Kruise's shape:
//
//	{"rules": [{"selector": {"matchLabels": {"app": "logs"}}, "allowedAnnotationKeyExprs": ["^example.com/.*$"]}]}
//
// selector selects SidecarSets by their labels, all if there is none. The
// expressions are those of Go's regexp, and match anywhere in a key unless they
// are anchored. An empty text is a whitelist that allows nothing.
func ParseWhitelist(data string) (Whitelist, error) {
	if data == "" {
		return Whitelist{}, nil
	}
	var written struct {
		Rules []struct {
			Selector *metav1.LabelSelector `json:"selector"`
			Keys     []string              `json:"allowedAnnotationKeyExprs"`
		} `json:"rules"`
	}
	if err := json.Unmarshal([]byte(data), &written); err != nil {
		return Whitelist{}, fmt.Errorf("cannot read the whitelist: %w", err)
	}
	var whitelist Whitelist
	for i, rule := range written.Rules {
		sets, err := selector(rule.Selector, labels.Everything())
		if err != nil {
			return Whitelist{}, fmt.Errorf("cannot read rules[%d].selector of the whitelist: %w", i, err)
		}
		parsed := whitelistRule{sets: sets}
		for j, expression := range rule.Keys {
			key, err := regexp.Compile(expression)
			if err != nil {
				return Whitelist{}, fmt.Errorf("cannot read rules[%d].allowedAnnotationKeyExprs[%d] of the whitelist: %w", i, j, err)
			}
			parsed.keys = append(parsed.keys, key)
		}
		whitelist.rules = append(whitelist.rules, parsed)
	}
	return whitelist, nil
}

// Or returns a whitelist that allows what either allows.
func (w Whitelist) Or(other Whitelist) Whitelist {
	return Whitelist{rules: slices.Concat(w.rules, other.rules)}
}

// Validate refuses annotations that no rule lets the set write. Protected ones are
// left to Validate of the set.
func (w Whitelist) Validate(set *v1alpha1.SidecarSet) field.ErrorList {
	var errs field.ErrorList
	for i := range set.Spec.PatchPodMetadata {
		path := field.NewPath("spec", "patchPodMetadata").Index(i).Child("annotations")
		for _, key := range sortedKeys(set.Spec.PatchPodMetadata[i].Annotations) {
			if !isProtected(key) && !w.allows(set, key) {
				errs = append(errs, field.Forbidden(path.Key(key), howToAllow(key)))
			}
		}
	}
	return errs
}

func (w Whitelist) allows(set *v1alpha1.SidecarSet, key string) bool {
	return slices.ContainsFunc(w.rules, func(rule whitelistRule) bool {
		return rule.sets.Matches(labels.Set(set.Labels)) &&
			slices.ContainsFunc(rule.keys, func(k *regexp.Regexp) bool { return k.MatchString(key) })
	})
}

func howToAllow(key string) string {
	expression, err := json.Marshal("^" + regexp.QuoteMeta(key) + "$")
	if err != nil {
		expression = []byte(`"^KEY$"`)
	}
	return fmt.Sprintf(`no rule allows SidecarSets to write it; an administrator can add one to the ConfigMap %s in the namespace of Spillway's webhook (or %s in %s), under the key %s: {"rules":[{"allowedAnnotationKeyExprs":[%s]}]}`,
		WhitelistConfigMap, KruiseWhitelistConfigMap, KruiseNamespace, WhitelistKey, expression)
}

func sortedKeys(values map[string]string) []string { return slices.Sorted(maps.Keys(values)) }
