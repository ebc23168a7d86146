package certs

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The walk is half of what the package is for: months of renewals, with replicas and
// API servers that lag, leaders that change, configurations that are overwritten and
// Secrets that are broken, in which no API server ever refuses a certificate.
func TestWalk(t *testing.T) {
	cases := map[string]struct {
		seed                      uint64
		calm                      bool
		days                      time.Duration
		certificates, authorities int // at least
	}{
		"nothing-but-time":     {seed: 1, calm: true, days: 400, certificates: 20, authorities: 5},
		"people-and-accidents": {seed: 2, days: 250, certificates: 30, authorities: 15},
		"others":               {seed: 3, days: 250, certificates: 30, authorities: 15},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.seed)
			w.calm = tc.calm
			for began := w.now; w.now.Sub(began) < tc.days*24*time.Hour; {
				w.tick()
			}
			if w.certificates < tc.certificates || w.authorities < tc.authorities || tc.calm && w.authorities > tc.authorities+1 {
				t.Errorf("%d certificates and %d CAs were seen, want about %d and %d", w.certificates, w.authorities, tc.certificates, tc.authorities)
			}
			t.Logf("%d handshakes, %d certificates, %d CAs, %d writes, %d broken Secrets, %d overwritten configurations",
				w.handshakes, w.certificates, w.authorities, len(w.secret), w.broken, w.overwritten)
		})
	}
}

const (
	walkReplicaLag = 9 * time.Hour // shorter than a third of a certificate's life
	walkServerLag  = 23 * time.Hour
	walkClockSkew  = 50 * time.Minute
)

// event is what an object was from a time on.
type event[T any] struct {
	at    time.Time
	value T
}

// observer is somebody who sees an object's past, but never goes back in it.
type observer struct {
	seen int
	lag  time.Duration
	skew time.Duration
}

func (o *observer) version(times []time.Time, now time.Time) int {
	for o.seen+1 < len(times) && !times[o.seen+1].After(now.Add(-o.lag)) {
		o.seen++
	}
	return o.seen
}

type world struct {
	*testing.T
	random *mathrand.Rand
	policy Policy
	now    time.Time

	secret         []event[Content]
	configurations [2][]event[[]byte]

	replicas   [3]observer
	remembered [3]Content
	leader     int
	calm       bool
	// blocked is until when a configuration cannot be written.
	blocked [2]time.Time
	// servers have a view of each configuration.
	servers [3][2]observer

	// fitted is when a certificate and a caBundle were judged.
	fitted map[string]time.Time

	handshakes, certificates, authorities, broken, overwritten int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		T: t, random: mathrand.New(mathrand.NewPCG(seed, 1)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		fitted: make(map[string]time.Time),
		policy: Policy{Names: []string{"webhook.spillway-system.svc"}, Life: 30 * 24 * time.Hour, AuthorityLife: 100 * 24 * time.Hour, Overlap: 24 * time.Hour},
	}
	if err := w.policy.Validate(); err != nil {
		t.Fatal(err)
	}
	w.secret = []event[Content]{{w.now, Content{}}}
	for i := range w.configurations {
		w.configurations[i] = []event[[]byte]{{w.now, nil}}
	}
	// The installation: nobody asks before it is done.
	for range 3 {
		w.now = w.now.Add(time.Second)
		w.lead()
	}
	for i := range w.replicas {
		w.replicas[i].seen = len(w.secret) - 1
		w.remembered[i] = w.secret[len(w.secret)-1].value
		for c := range w.configurations {
			w.servers[i][c].seen = len(w.configurations[c]) - 1
		}
	}
	return w
}

// tick lets something happen, the leader act, and everybody ask everybody.
func (w *world) tick() {
	w.now = w.now.Add(time.Duration(w.random.Int64N(int64(24 * time.Hour))))
	for i := range w.replicas {
		w.replicas[i].lag = time.Duration(w.random.Int64N(int64(walkReplicaLag)))
		for c := range w.configurations {
			w.servers[i][c].lag = time.Duration(w.random.Int64N(int64(walkServerLag)))
			w.servers[i][c].skew = time.Duration(w.random.Int64N(int64(2*walkClockSkew))) - walkClockSkew
		}
	}
	w.happens()
	w.lead()
	w.ask()
}

func (w *world) happens() {
	if w.calm {
		return
	}
	switch w.random.IntN(8) {
	case 0:
		w.leader = w.random.IntN(len(w.replicas))
	case 1:
		w.breakSecret()
	case 2:
		w.overwrite()
	case 3:
		w.policy.Names = []string{"webhook.spillway-system.svc", fmt.Sprint("name-", w.random.IntN(3))}
	case 4:
		w.blocked[w.random.IntN(2)] = w.now.Add(time.Duration(w.random.Int64N(int64(96 * time.Hour))))
	}
}

// lead is what the leader does, with the Secret as it is.
func (w *world) lead() {
	content := w.secret[len(w.secret)-1].value
	w.replicas[w.leader].seen = len(w.secret) - 1
	w.adopt(w.leader, content)
	held := len(content[BundleKey]) > 0
	for i := range w.configurations {
		held = held && bytes.Equal(w.bundle(i), content[BundleKey])
	}
	step, err := Plan(w.policy, Situation{Content: content, Remembered: w.remembered[w.leader], Held: held, Now: w.now}, rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	if step.Content != nil {
		w.count(content, step.Content)
		w.secret = append(w.secret, event[Content]{w.now, step.Content})
		w.replicas[w.leader].seen++
		w.adopt(w.leader, step.Content)
		content = step.Content
	}
	for i := range w.configurations {
		if !bytes.Equal(w.bundle(i), content[BundleKey]) && w.now.After(w.blocked[i]) {
			w.configurations[i] = append(w.configurations[i], event[[]byte]{w.now, content[BundleKey]})
		}
	}
}

func (w *world) count(before, after Content) {
	if !bytes.Equal(before[ChainKey], after[ChainKey]) {
		w.certificates++
	}
	if !bytes.Equal(before[AuthorityKeyKey], after[AuthorityKeyKey]) {
		w.authorities++
	}
}

func (w *world) bundle(i int) []byte {
	events := w.configurations[i]
	return events[len(events)-1].value
}

func (w *world) adopt(replica int, content Content) {
	if Adopt(content, w.remembered[replica], w.now) == nil {
		w.remembered[replica] = content
	}
}

// breakSecret does what people and restored backups do.
func (w *world) breakSecret() {
	w.broken++
	content := maps.Clone(w.secret[len(w.secret)-1].value)
	keys := []string{BundleKey, AuthorityKeyKey, ChainKey, PrivateKeyKey, NextAuthorityKey, NextAuthorityKeyKey, NextSeenKey}
	switch key := keys[w.random.IntN(len(keys))]; w.random.IntN(5) {
	case 0:
		delete(content, key)
	case 1:
		content[key] = []byte("garbage")
	case 2:
		content = Content{}
	case 3:
		content[key] = append(slices.Clone(content[key]), "-----BEGIN"...)
	default: // all of another installation
		step, err := Plan(w.policy, Situation{Now: w.now}, rand.Reader)
		if err != nil {
			w.Fatal(err)
		}
		content = step.Content
	}
	w.secret = append(w.secret, event[Content]{w.now, content})
}

// overwrite puts back what a configuration had before its last change, as a tool does
// that kept a copy, if that vouches for what is served and will be soon.
func (w *world) overwrite() {
	i := w.random.IntN(len(w.configurations))
	events := w.configurations[i]
	if len(events) < 2 {
		return
	}
	old := events[len(events)-2].value
	for _, content := range append(w.remembered[:], w.secret[len(w.secret)-1].value) {
		if st, _ := read(content); st.leaf.Certificate != nil && Diagnose(Served{Chain: encode(st.leaf.Certificate)}, Trust{Bundle: old}, w.now) != nil {
			return
		}
	}
	w.overwritten++
	w.configurations[i] = append(events, event[[]byte]{w.now, old})
}

// ask has each API server connect to each replica, for each configuration.
func (w *world) ask() {
	for r := range w.replicas {
		seen := w.replicas[r].version(times(w.secret), w.now)
		w.adopt(r, w.secret[seen].value)
		leaf := w.remembered[r][ChainKey]
		for s := range w.servers {
			for c := range w.configurations {
				view := &w.servers[s][c]
				bundle := w.configurations[c][view.version(times(w.configurations[c]), w.now)].value
				w.handshakes++
				if w.known(leaf, bundle) {
					continue
				}
				for _, finding := range Diagnose(Served{Chain: leaf}, Trust{Bundle: bundle, Host: w.policy.Names[0]}, w.now.Add(view.skew)) {
					w.Fatalf("at %s, replica %d, server %d, configuration %d: %s", w.now, r, s, c, finding)
				}
			}
		}
	}
}

// known says that the two fitted lately, which spares time: if they do not any more,
// because one has expired, they will still not a little later.
func (w *world) known(leaf, bundle []byte) bool {
	pair := string(leaf) + string(bundle)
	if at, found := w.fitted[pair]; found && w.now.Sub(at) < 48*time.Hour {
		return true
	}
	w.fitted[pair] = w.now
	return false
}

func times[T any](events []event[T]) []time.Time {
	var all []time.Time
	for _, e := range events {
		all = append(all, e.at)
	}
	return all
}
