package admission

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// ownSuffix ends the names of all webhooks of Spillway.
const ownSuffix = ".spillway.io"

// entry is one webhook in the order in which API servers ask them.
type entry struct {
	configuration string
	webhook       *admissionregistrationv1.MutatingWebhook
}

func (e entry) ours() bool { return strings.HasSuffix(e.webhook.Name, ownSuffix) }

func (e entry) strict() bool {
	return e.webhook.FailurePolicy == nil || *e.webhook.FailurePolicy == admissionregistrationv1.Fail
}

func (e entry) again() bool {
	return e.webhook.ReinvocationPolicy != nil && *e.webhook.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy
}

// aboutPods says that it is asked when pods are created.
func (e entry) aboutPods() bool {
	return slices.ContainsFunc(e.webhook.Rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		has := func(of []string, one string) bool { return slices.Contains(of, one) || slices.Contains(of, "*") }
		creates := slices.Contains(r.Operations, admissionregistrationv1.Create) || slices.Contains(r.Operations, admissionregistrationv1.OperationAll)
		return creates && has(r.APIGroups, "") && has(r.APIVersions, "v1") && (has(r.Resources, "pods") || slices.Contains(r.Resources, "*/*"))
	})
}

// mayMeet says that nothing keeps it from being asked about pods that opt in by
// their own label and have no others.
func (e entry) mayMeet() bool {
	selector, err := metav1.LabelSelectorAsSelector(e.webhook.ObjectSelector)
	return err != nil || e.webhook.ObjectSelector == nil || selector.Matches(labels.Set{api.OptInLabel: api.OptedIn})
}

func (e entry) String() string { return e.configuration + "/" + e.webhook.Name }

// podEntries are the webhooks that may change pods, in the order in which API servers
// ask them: by the name of the configuration, then as they stand in it.
func podEntries(configurations []admissionregistrationv1.MutatingWebhookConfiguration) []entry {
	var entries []entry
	sorted := slices.SortedFunc(slices.Values(configurations), func(a, b admissionregistrationv1.MutatingWebhookConfiguration) int {
		return cmp.Compare(a.Name, b.Name)
	})
	for i := range sorted {
		for j := range sorted[i].Webhooks {
			if e := (entry{sorted[i].Name, &sorted[i].Webhooks[j]}); e.aboutPods() {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// JudgeOthers says who else changes pods that opt in. dead are the webhooks that
// nobody answers for, with the reason, by "configuration/webhook".
func JudgeOthers(configurations []admissionregistrationv1.MutatingWebhookConfiguration, dead map[string]string) finding.Outcome {
	var o finding.Outcome
	entries := podEntries(configurations)
	last := -1
	for i := range entries {
		if entries[i].ours() {
			last = i
		}
	}
	var order, after []string
	for i, e := range entries {
		order = append(order, e.String())
		if e.ours() {
			continue
		}
		if why := dead[e.String()]; why != "" && e.strict() && e.mayMeet() {
			o.Add(finding.Finding{
				Severity: finding.Warning, Object: "MutatingWebhookConfiguration " + e.String(), Cause: "other-without-endpoints",
				Text: "it has failurePolicy Fail, and nobody answers for it (" + why + "): pods that it is asked about are refused, also those that opt in",
				Fix:  "bring its Service back, or delete what was left behind: kubectl delete mutatingwebhookconfiguration " + e.configuration,
			})
		}
		if i > last && last >= 0 {
			after = append(after, e.String())
		}
	}
	o.Fact("%s on pods, asked in this order: %s", finding.Number(len(entries), "webhook"), strings.Join(order, ", "))
	if len(after) > 0 {
		o.Add(later(entries[last], after))
	}
	return o
}

// later says what those who are asked after Spillway can do.
func later(ours entry, after []string) finding.Finding {
	f := finding.Finding{
		Severity: finding.Note, Object: "MutatingWebhookConfiguration " + ours.configuration, Cause: "others-later",
		Text: fmt.Sprintf("asked after Spillway about pods: %s. What they add to scheduling fields Spillway sees when it is asked again, and takes out with a warning", finding.Some(after)),
		Fix:  "nothing, unless pods warn of it; then have that webhook leave pods with the label " + api.OptInLabel + " alone",
	}
	if !ours.again() {
		f.Severity = finding.Warning
		f.Text = fmt.Sprintf("asked after Spillway about pods: %s. Spillway is not asked again, so what they add to scheduling fields stays, and keeps pods off virtual nodes", finding.Some(after))
		f.Fix = "set reinvocationPolicy: IfNeeded in the configuration, as the chart does: helm upgrade"
	}
	return f
}
