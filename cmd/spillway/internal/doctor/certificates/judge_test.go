package certificates

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// theNow is when everything below is judged.
func theNow() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// made is a certificate for a name, and the CA that signed it, PEM, made some time
// ago for an hour.
func made(t *testing.T, name string, ago time.Duration) (chain, bundle []byte) {
	t.Helper()
	then := theNow().Add(-ago)
	ca, err := certs.NewAuthority(rand.Reader, then, 24*time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	serving, err := ca.Serving(rand.Reader, []string{name}, then, time.Hour, 0)
	if err != nil {
		t.Fatal(err)
	}
	return certs.EncodeChain([][]byte{serving.Certificate.Raw}), certs.EncodeChain([][]byte{ca.Certificate.Raw})
}

// TestJudge: what was seen leads to findings that name the entries, the place and
// the cause, and nothing is said of what is well.
func TestJudge(t *testing.T) {
	const host = "hook.system.svc"
	service := Target{Namespace: "system", Service: "hook", Port: 443, Host: host}
	good, bundle := made(t, host, time.Minute)
	old, oldBundle := made(t, host, 3*time.Hour)
	other, otherBundle := made(t, "other.svc", time.Minute)

	entries := func(bundle []byte) []Entry {
		return []Entry{
			{"MutatingWebhookConfiguration m", "a.spillway.io", bundle, service},
			{"MutatingWebhookConfiguration m", "b.spillway.io", bundle, service},
		}
	}
	shows := func(chain []byte) map[Target]Seen {
		return map[Target]Seen{service: {Ready: []string{"pod system/x"}, Places: []Place{{Name: "pod system/x", Served: certs.Served{Chain: chain}}}}}
	}
	type found struct {
		Object string
		Cause  certs.Cause
	}
	const both = "MutatingWebhookConfiguration m (a.spillway.io, b.spillway.io), "
	at := func(where string, cause certs.Cause) []found { return []found{{both + where, cause}} }
	for name, tc := range map[string]struct {
		reason  string
		entries []Entry
		seen    map[Target]Seen
		want    []found
	}{
		"well":       {"nothing to say", entries(bundle), shows(good), nil},
		"expired":    {"entries with the same trouble share a finding", entries(oldBundle), shows(old), at("pod system/x", certs.Expired)},
		"wrong-host": {"the name of the Service counts", entries(otherBundle), shows(other), at("pod system/x", certs.WrongHost)},
		"foreign-ca": {"who is trusted did not sign", entries(oldBundle), shows(good), at("pod system/x", certs.ForeignCA)},
		"no-service": {
			"the Service counts before certificates do", entries(bundle),
			map[Target]Seen{service: {Troubles: []Trouble{{NoService, "is not there"}}}},
			at("Service system/hook", NoService),
		},
		"not-reached": {
			"what was not judged is not well", entries(bundle),
			map[Target]Seen{service: {Places: []Place{{Name: "pod system/x", Trouble: &Trouble{NotReached, "refused"}}}}},
			at("pod system/x", NotReached),
		},
		"nothing-registered": {"an installation without webhooks does nothing", nil, nil, []found{{Cause: NoWebhook}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []found
			outcome := Judge(tc.entries, tc.seen, theNow())
			for _, f := range outcome.Findings {
				got = append(got, found{f.Object, certs.Cause(f.Cause)})
				if f.Text == "" || f.Severity != finding.Error || f.Fix == "" || f.Fix == remedy("", Entry{}) {
					t.Errorf("%s: it does not say all: %+v", tc.reason, f)
				}
			}
			for _, u := range outcome.Unseen {
				got = append(got, found{u.What, NotReached})
				if !u.Hides || u.Why != "refused" {
					t.Errorf("%s: it does not say all: %+v", tc.reason, u)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRemedies: every cause that package certs has is one that somebody can do
// something about.
func TestRemedies(t *testing.T) {
	unknown := remedy("", Entry{})
	for _, cause := range certs.Causes() {
		if remedy(cause, Entry{}) == unknown {
			t.Errorf("%s has no remedy", cause)
		}
	}
}
