package sidecar_test

import (
	"strings"
	"testing"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

func TestWhitelist(t *testing.T) {
	const (
		exact = `{"rules":[{"allowedAnnotationKeyExprs":["^oom-score$"]}]}`
		logs  = `{"rules":[{"selector":{"matchLabels":{"app":"logs"}},"allowedAnnotationKeyExprs":["^x$","score"]}]}`
	)
	set := one("patchPodMetadata: [{annotations: {oom-score: a, b/c: d}}]")
	labelled := "metadata: {labels: {app: logs}}\n" + set
	score, other := [2]string{forbidden, inAnnotation + "[oom-score]"}, [2]string{forbidden, inAnnotation + "[b/c]"}
	cases := map[string]struct {
		reason      string
		ours, their string
		set         string
		want        [][2]string
	}{
		"none":       {"no whitelist allows nothing", "", "", set, [][2]string{other, score}},
		"no-rules":   {"nor does one without rules", "{}", "", set, [][2]string{other, score}},
		"allowed":    {"for all sets", exact, "", set, [][2]string{other}},
		"selected":   {"for sets with a label, and unanchored", logs, "", labelled, [][2]string{other}},
		"unselected": {"not for this one", logs, "", set, [][2]string{other, score}},
		"both":       {"what either allows", exact, `{"rules":[{"allowedAnnotationKeyExprs":["^b/"]}]}`, set, nil},
		"everything": {"every key matches", `{"rules":[{"allowedAnnotationKeyExprs":[""]}]}`, "", set, nil},
		"protected":  {"refused by the set's own rules, whatever is allowed", "", "", one("patchPodMetadata: [{annotations: {clusterSelector: a}}]"), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ours, err := sidecar.ParseWhitelist(tc.ours)
			if err != nil {
				t.Fatal(err)
			}
			their, err := sidecar.ParseWhitelist(tc.their)
			if err != nil {
				t.Fatal(err)
			}
			compareErrors(t, tc.reason, ours.Or(their).Validate(parse(t, tc.set)), tc.want)
			compareErrors(t, tc.reason, their.Or(ours).Validate(parse(t, tc.set)), tc.want)
		})
	}
	errs := sidecar.Whitelist{}.Validate(parse(t, one("patchPodMetadata: [{annotations: {example.com/a: b}}]")))
	const where = `the ConfigMap spillway-configuration in the namespace of Spillway's webhook (or kruise-configuration in kruise-system), under the key SidecarSet_PatchPodMetadata_WhiteList: {"rules":[{"allowedAnnotationKeyExprs":["^example\\.com/a$"]}]}`
	if len(errs) != 1 || !strings.HasSuffix(errs[0].Detail, where) {
		t.Errorf("got %v, want it to end in %s", errs.ToAggregate(), where)
	}
	_, advice, _ := strings.Cut(errs[0].Detail, "WhiteList: ")
	whitelist, err := sidecar.ParseWhitelist(advice)
	if errs := whitelist.Validate(parse(t, one("patchPodMetadata: [{annotations: {example.com/a: b}}]"))); err != nil || len(errs) > 0 {
		t.Errorf("the advice does not work: %v, %v", err, errs.ToAggregate())
	}
}

func TestParseWhitelistSaysWhatIsWrong(t *testing.T) {
	for data, want := range map[string]string{
		"type X struct": "cannot read the whitelist: ",
		`{"rules":[{"selector":{"matchExpressions":[{"key":"a","operator":"Has"}]}}]}`: "cannot read rules[0].selector of the whitelist: ",
		`{"rules":[{},{"allowedAnnotationKeyExprs":["a","("]}]}`:                       "cannot read rules[1].allowedAnnotationKeyExprs[1] of the whitelist: ",
	} {
		if _, err := sidecar.ParseWhitelist(data); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", data, err, want)
		}
	}
}
