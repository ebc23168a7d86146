package doctor

import (
	"fmt"
	"strings"
	"time"

	"github.com/spillway-io/spillway/certs"
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

// Finding is one thing that is wrong.
type Finding struct {
	// Configuration is the kind and name of the webhook configuration, and Webhooks
	// the entries in it that are concerned.
	Configuration string   `json:"configuration,omitempty"`
	Webhooks      []string `json:"webhooks,omitempty"`
	// Where is the Service, pod, Secret or address.
	Where string `json:"where,omitempty"`
	// Cause names it, Text says it, Remedy says what to do.
	Cause  certs.Cause `json:"cause"`
	Text   string      `json:"text"`
	Remedy string      `json:"remedy"`
}

// Replicas says who answers behind a Service.
type Replicas struct {
	Service  string   `json:"service"`
	Ready    []string `json:"ready"`
	NotReady []string `json:"notReady"`
}

// Report is all that was found.
type Report struct {
	// Webhooks is how many entries were looked at.
	Webhooks int        `json:"webhooks"`
	Replicas []Replicas `json:"replicas"`
	Findings []Finding  `json:"findings"`
}

// Judge says what is wrong with the entries, given what was seen at their targets,
// at the time now. Entries of one configuration that have the same thing wrong with
// them share a finding.
func Judge(entries []Entry, seen map[Target]Seen, now time.Time) Report {
	report := Report{Webhooks: len(entries), Replicas: []Replicas{}, Findings: []Finding{}}
	if len(entries) == 0 {
		report.add(Entry{}, "", Trouble{NoWebhook, "no webhook of Spillway is registered: pods that opt in are created as if it were not there"})
	}
	for _, target := range targetsOf(entries) {
		if s := seen[target]; len(s.Ready)+len(s.NotReady) > 0 {
			report.Replicas = append(report.Replicas, Replicas{target.String(), append([]string{}, s.Ready...), append([]string{}, s.NotReady...)})
		}
	}
	for i := range entries {
		s := seen[entries[i].Target]
		for _, trouble := range s.Troubles {
			report.add(entries[i], entries[i].Target.String(), trouble)
		}
		for _, place := range s.Places {
			if place.Trouble != nil {
				report.add(entries[i], place.Name, *place.Trouble)
				continue
			}
			for _, found := range certs.Diagnose(place.Served, certs.Trust{Bundle: entries[i].Bundle, Host: entries[i].Target.Host}, now) {
				report.add(entries[i], place.Name, Trouble{found.Cause, found.Text})
			}
		}
	}
	return report
}

func (r *Report) add(entry Entry, where string, trouble Trouble) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Configuration == entry.Configuration && f.Where == where && f.Cause == trouble.Cause && f.Text == trouble.Text {
			f.Webhooks = append(f.Webhooks, entry.Webhook)
			return
		}
	}
	finding := Finding{
		Configuration: entry.Configuration, Where: where, Cause: trouble.Cause, Text: trouble.Text, Remedy: remedy(trouble.Cause, entry),
	}
	if entry.Webhook != "" {
		finding.Webhooks = []string{entry.Webhook}
	}
	r.Findings = append(r.Findings, finding)
}

// String is one line: what, where, cause, and what to do.
func (f Finding) String() string {
	var parts []string
	if f.Configuration != "" {
		parts = append(parts, fmt.Sprintf("%s (%s)", f.Configuration, strings.Join(f.Webhooks, ", ")))
	}
	if f.Where != "" {
		parts = append(parts, f.Where)
	}
	return strings.Join(append(parts, string(f.Cause), f.Text), ": ") + ". To do: " + f.Remedy
}
