package certificates

import (
	"fmt"
	"strings"
	"time"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// Causes of what certificates have no part in; the others are those of package
// certs.
const (
	// NoWebhook: nothing is registered.
	NoWebhook certs.Cause = "no-webhook"
	// NoService: the Service of a webhook, or its port, is not there.
	NoService certs.Cause = "no-service"
	// NoReplica: no pod behind the Service is ready.
	NoReplica certs.Cause = "no-replica"
	// NotReached: a replica's certificate could not be had from here.
	NotReached certs.Cause = "not-reached"
	// NotAllowed: what was to be looked at may not be read.
	NotAllowed certs.Cause = "not-allowed"
)

// Seen is what was found at a target.
type Seen struct {
	// Troubles are what is wrong before any certificate is.
	Troubles []Trouble
	// Places are where a certificate was found, or looked for.
	Places []Place
	// Ready and NotReady are the names of the replicas behind a Service.
	Ready, NotReady []string
}

// Trouble is a cause with its sentence.
type Trouble struct {
	Cause certs.Cause
	Text  string
}

// Place is somewhere a certificate comes from.
type Place struct {
	// Name is what people call it: pod, address or Secret.
	Name string
	// Served is the certificate.
	Served certs.Served
	// Trouble says why there is none to judge; nil if there is.
	Trouble *Trouble
}

// trouble is one thing that is wrong with entries of a configuration.
type trouble struct {
	Trouble
	entry    Entry
	webhooks []string
	where    string
}

// Judge says what is wrong with the entries, given what was seen at their targets,
// at the time now. Entries of one configuration that have the same thing wrong with
// them share a finding.
func Judge(entries []Entry, seen map[Target]Seen, now time.Time) finding.Outcome {
	var all troubles
	if len(entries) == 0 {
		all.add(Entry{}, "", Trouble{NoWebhook, "no webhook of Spillway is registered: pods that opt in are created as if it were not there"})
	}
	for i := range entries {
		s := seen[entries[i].Target]
		for _, trouble := range s.Troubles {
			all.add(entries[i], entries[i].Target.String(), trouble)
		}
		for _, place := range s.Places {
			if place.Trouble != nil {
				all.add(entries[i], place.Name, *place.Trouble)
				continue
			}
			for _, found := range certs.Diagnose(place.Served, certs.Trust{Bundle: entries[i].Bundle, Host: entries[i].Target.Host}, now) {
				all.add(entries[i], place.Name, Trouble{found.Cause, found.Text})
			}
		}
	}
	outcome := all.outcome()
	outcome.Fact("%s", finding.Number(len(entries), "webhook"))
	for _, target := range targetsOf(entries) {
		if s := seen[target]; len(s.Ready)+len(s.NotReady) > 0 {
			outcome.Fact("%s", s.replicas(target))
		}
	}
	return outcome
}

type troubles []trouble

func (all *troubles) add(entry Entry, where string, found Trouble) {
	for i := range *all {
		t := &(*all)[i]
		if t.entry.Configuration == entry.Configuration && t.where == where && t.Trouble == found {
			t.webhooks = append(t.webhooks, entry.Webhook)
			return
		}
	}
	*all = append(*all, trouble{Trouble: found, entry: entry, webhooks: []string{entry.Webhook}, where: where})
}

// outcome has what was not seen apart from what is wrong.
func (all troubles) outcome() finding.Outcome {
	var o finding.Outcome
	for _, t := range all {
		fix := remedy(t.Cause, t.entry)
		if t.Cause == NotReached || t.Cause == NotAllowed {
			o.Unseen = append(o.Unseen, finding.Unseen{What: t.object(), Why: t.Text, Fix: fix, Hides: true})
			continue
		}
		o.Add(finding.Finding{Severity: severity(t.Cause), Object: t.object(), Cause: string(t.Cause), Text: t.Text, Fix: fix})
	}
	return o
}

// severity is an error wherever API servers refuse the certificate.
func severity(cause certs.Cause) finding.Severity {
	if cause == certs.ExpiresSoon {
		return finding.Warning
	}
	return finding.Error
}

// object says which entries, and where.
func (t trouble) object() string {
	var parts []string
	if t.entry.Configuration != "" {
		parts = append(parts, fmt.Sprintf("%s (%s)", t.entry.Configuration, strings.Join(t.webhooks, ", ")))
	}
	if t.where != "" {
		parts = append(parts, t.where)
	}
	return strings.Join(parts, ", ")
}

// replicas says who answers behind a Service.
func (s Seen) replicas(target Target) string {
	line := fmt.Sprintf("%s: %d of %d replicas ready", target, len(s.Ready), len(s.Ready)+len(s.NotReady))
	if len(s.NotReady) > 0 {
		line += "; not ready: " + strings.Join(s.NotReady, ", ")
	}
	return line
}
