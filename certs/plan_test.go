package certs_test

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/spillway-io/spillway/certs"
)

const host = "spillway-webhook.spillway-system.svc"

func policy() certs.Policy {
	return certs.Policy{Names: []string{host}, Life: 90 * hour, AuthorityLife: 1000 * hour, Overlap: 24 * hour}
}

// planned is a Secret under plans; its clock is moved by hand.
type planned struct {
	*testing.T
	policy     certs.Policy
	now        time.Time
	content    certs.Content
	remembered certs.Content
	held       bool
	reasons    string
	until      time.Time
	written    bool
}

// installed is one that has been planned until there was nothing to do, and held.
func installed(t *testing.T) *planned {
	t.Helper()
	p := &planned{T: t, policy: policy(), now: now()}
	p.plans()
	p.held = true
	p.plans()
	if p.written {
		t.Fatalf("a second plan changes something: %s", p.reasons)
	}
	return p
}

func (p *planned) plans() {
	p.Helper()
	step, err := certs.Plan(p.policy, certs.Situation{Content: p.content, Remembered: p.remembered, Held: p.held, Now: p.now}, rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	p.written, p.reasons, p.until = step.Content != nil, strings.Join(step.Reasons, "; "), step.Until
	if p.written {
		p.content = step.Content
	}
	if !step.Until.After(p.now) {
		p.Errorf("at %s there is something to do at %s already", p.now, step.Until)
	}
	if err := certs.Adopt(p.content, p.remembered, p.now); err == nil {
		p.remembered = p.content
	}
	if findings := certs.Diagnose(certs.Served{Chain: p.content[certs.ChainKey], Key: p.content[certs.PrivateKeyKey]}, certs.Trust{Bundle: p.content[certs.BundleKey], Host: p.policy.Names[0]}, p.now); len(findings) > 0 {
		p.Errorf("the plan is wrong: %v", findings)
	}
}

func (p *planned) has(key string) bool { return len(p.content[key]) > 0 }

func (p *planned) authorities() int { return bytes.Count(p.content[certs.BundleKey], []byte("BEGIN")) }

func TestPlan(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*planned)
		writes bool
		says   string
		check  func(*planned) bool
	}{
		"nothing-to-do":   {"before two thirds of a life nothing is written", func(p *planned) { p.now = p.now.Add(59 * hour) }, false, "", nil},
		"renewed":         {"at two thirds it is renewed, by the same CA", func(p *planned) { p.now = p.now.Add(60 * hour) }, true, "renewed: it expires in 30h", func(p *planned) bool { return p.authorities() == 1 && !p.has(certs.PreviousKey) }},
		"names":           {"another name", func(p *planned) { p.policy.Names = []string{"b.c.svc", host} }, true, "should be for [b.c.svc " + host + "]", nil},
		"names-reordered": {"the order of names is nothing", func(p *planned) { p.policy.Names = []string{host, host} }, false, "", nil},
		"shorter":         {"a shorter life is for certificates that exist, too", func(p *planned) { p.policy.Life = 10 * hour }, true, "lasts longer than 10h", func(p *planned) bool { return p.has(certs.PreviousKey) }},
		"longer":          {"a longer one begins with the next", func(p *planned) { p.policy.Life = 100 * hour }, false, "", nil},
		"next-made": {"a CA's successor is made and not used", func(p *planned) { p.now = p.now.Add(667 * hour) }, true, "a CA that signs next is made", func(p *planned) bool {
			return p.authorities() == 2 && p.has(certs.NextAuthorityKey) && !p.has(certs.NextSeenKey)
		}},
		"key-lost":         {"without its key a CA has a successor at once, which waits", func(p *planned) { delete(p.content, certs.AuthorityKeyKey) }, true, "signs next is made", func(p *planned) bool { return p.authorities() == 2 && !p.has(certs.AuthorityKeyKey) }},
		"key-garbage":      {"so has one whose key is broken", func(p *planned) { p.content[certs.AuthorityKeyKey] = []byte("x") }, true, "ca.key: there is no PEM block", func(p *planned) bool { return p.authorities() == 2 }},
		"serving-key-lost": {"what is served is put back", func(p *planned) { delete(p.content, certs.PrivateKeyKey); p.held = false }, true, "put back", nil},
		"emptied":          {"all of it", func(p *planned) { p.content, p.held = certs.Content{}, false }, true, "put back", func(p *planned) bool { return p.authorities() == 1 }},
		"emptied-unknown":  {"if nobody knows, all begins anew", func(p *planned) { p.content, p.held, p.remembered = certs.Content{}, false, nil }, true, "a CA signs at once", nil},
		"bundle-garbage":   {"the CA is known, though ca.crt is not", func(p *planned) { p.content[certs.BundleKey], p.held = []byte("-----BEGIN"), false }, true, "ca.crt: a PEM block is damaged", func(p *planned) bool { return p.authorities() == 1 }},
		"expired":          {"an expired certificate is replaced at once", func(p *planned) { p.now = p.now.Add(100 * hour) }, true, "a serving certificate is made", func(p *planned) bool { return p.authorities() == 1 }},
		"all-expired":      {"and an expired CA", func(p *planned) { p.now = p.now.Add(2000 * hour) }, true, "a CA signs at once", func(p *planned) bool { return p.authorities() == 1 }},
		"blank-keys":       {"empty values are none", func(p *planned) { p.content[certs.NextSeenKey] = []byte{} }, false, "", nil},
		"foreign-keys":     {"other keys are not ours", func(p *planned) { p.content["README"] = []byte("x") }, false, "", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := installed(t)
			p.content = maps.Clone(p.content)
			tc.change(p)
			p.plans()
			if p.written != tc.writes || !strings.Contains(p.reasons, tc.says) {
				t.Errorf("%s: written: %t, want %t; %q, want %q in it", tc.reason, p.written, tc.writes, p.reasons, tc.says)
			}
			if tc.check != nil && !tc.check(p) {
				t.Errorf("%s: %d CAs, keys %v", tc.reason, p.authorities(), maps.Keys(p.content))
			}
			if strings.Contains(p.reasons, "PRIVATE") {
				t.Error("a reason tells of a key")
			}
			if p.held = true; p.authorities() == 1 {
				p.plans()
				if p.written {
					t.Errorf("the next plan changes something again: %s", p.reasons)
				}
			}
		})
	}
}

// TestPlanReplacesAuthority walks through the steps of a CA's replacement, of which
// none comes before its time.
func TestPlanReplacesAuthority(t *testing.T) {
	p := installed(t)
	first := bytes.Clone(p.content[certs.BundleKey])
	p.now = p.now.Add(667 * hour)
	for range 2 { // its own certificate is renewed, too
		p.held = false
		p.plans()
	}
	expect := func(what string, written bool, authorities int, next, seen bool) {
		t.Helper()
		p.plans()
		if p.written != written || p.authorities() != authorities || p.has(certs.NextAuthorityKey) != next || p.has(certs.NextSeenKey) != seen {
			t.Fatalf("%s: written: %t (%s), %d CAs, next: %t, seen: %t", what, p.written, p.reasons, p.authorities(), p.has(certs.NextAuthorityKey), p.has(certs.NextSeenKey))
		}
	}
	p.now = p.now.Add(30 * hour)
	expect("while a configuration cannot be written it waits", false, 2, true, false)
	p.held = true
	expect("held", true, 2, true, true)
	p.now = p.now.Add(23 * hour)
	expect("the overlap is not over", false, 2, true, true)
	p.held = false
	expect("a configuration was overwritten", true, 2, true, false)
	p.held = true
	p.now = p.now.Add(2 * hour)
	expect("held again", true, 2, true, true)
	p.now = p.now.Add(24 * hour)
	expect("signs", true, 2, false, false)
	if !p.has(certs.PreviousKey) || !bytes.Contains(p.content[certs.BundleKey], first) || bytes.HasPrefix(p.content[certs.BundleKey], first) {
		t.Error("the former CA is not trusted behind the one that signs")
	}
	p.held = false
	for p.authorities() == 2 {
		p.now = p.until
		p.plans()
	}
	if bytes.Contains(p.content[certs.BundleKey], first) || p.has(certs.PreviousKey) {
		t.Error("the former CA is still trusted")
	}
}

// TestAdoptForeign: a Secret that is another installation's as a whole is not served
// while API servers cannot know its CA, which may sign later.
func TestAdoptForeign(t *testing.T) {
	p, other := installed(t), installed(t)
	if err := certs.Adopt(other.content, p.remembered, p.now); err == nil || !strings.Contains(err.Error(), "was not in ca.crt before") {
		t.Errorf("Adopt() = %v", err)
	}
	before := p.content
	p.content, p.held = other.content, false
	p.plans()
	if !bytes.Equal(p.content[certs.ChainKey], before[certs.ChainKey]) || !bytes.Equal(p.content[certs.NextAuthorityKey], other.content[certs.BundleKey]) || p.authorities() != 2 {
		t.Errorf("%s: %d CAs", p.reasons, p.authorities())
	}
	if err := certs.Adopt(other.content, nil, p.now); err != nil {
		t.Errorf("a replica that remembers nothing does not serve it: %v", err)
	}
	if err := certs.Adopt(other.content, before, p.now.Add(91*hour)); err == nil {
		t.Error("an expired certificate is adopted")
	}
}

// TestPlanClock: what was made under a right clock is not replaced under a wrong one.
func TestPlanClock(t *testing.T) {
	p := installed(t)
	_, err := certs.Plan(p.policy, certs.Situation{Content: p.content, Now: p.now.Add(-10000 * hour)}, rand.Reader)
	if err == nil || !strings.Contains(err.Error(), "the clock here is wrong") {
		t.Errorf("Plan() = %v", err)
	}
}

func TestInto(t *testing.T) {
	p := installed(t)
	data := p.content.Into(map[string][]byte{"README": []byte("x"), certs.NextAuthorityKey: []byte("old")})
	if string(data["README"]) != "x" || data[certs.NextAuthorityKey] != nil || !bytes.Equal(data[certs.ChainKey], p.content[certs.ChainKey]) {
		t.Errorf("%v", maps.Keys(data))
	}
	for _, text := range data {
		if block, _ := pem.Decode(text); block == nil && string(text) != "x" {
			t.Errorf("%q is no PEM", text)
		}
	}
}

func TestPolicyValidate(t *testing.T) {
	cases := map[string]struct {
		change func(*certs.Policy)
		want   string
	}{
		"default":    {func(*certs.Policy) {}, ""},
		"no-names":   {func(p *certs.Policy) { p.Names = nil }, "--cert-dns-names: none given"},
		"bad-name":   {func(p *certs.Policy) { p.Names = []string{"a_b"} }, `--cert-dns-names: "a_b" is neither`},
		"no-life":    {func(p *certs.Policy) { p.Life = time.Second }, "--cert-lifetime 1s: shorter than 6s"},
		"overlap":    {func(p *certs.Policy) { p.Overlap = 0 }, "--cert-overlap 0s"},
		"ca-life":    {func(p *certs.Policy) { p.AuthorityLife = p.Life }, "--ca-lifetime 2160h0m0s: shorter than 6552h0m0s"},
		"an-address": {func(p *certs.Policy) { p.Names = []string{"127.0.0.1", "::1"} }, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := certs.DefaultPolicy()
			p.Names = []string{host}
			tc.change(&p)
			err := p.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("Validate() = %v, want %q", err, tc.want)
			}
		})
	}
}
