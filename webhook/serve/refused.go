package serve

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// refusalInterval is how soon the same alert is logged again: whoever reaches the
// port can send as many as they like.
const refusalInterval = time.Minute

const (
	// handshakeComplaint begins net/http's line about a handshake, before the client's
	// address.
	handshakeComplaint = "http: TLS handshake error from "
	// remoteAlert begins crypto/tls's error for an alert that the client sent.
	remoteAlert = "remote error: tls: "
)

// Witness is told of clients that break off a handshake because of the certificate,
// as API servers do that cannot verify it.
type Witness interface {
	// Refused is told of each.
	Refused(alert string)
	// Why is the likely cause, for those that ask for serverName; empty if they asked
	// for none, or for an address.
	Why(ctx context.Context, serverName string) string
}

// refusals log why clients were turned away, or turned away themselves. Those that say
// that the certificate does not do are logged, once a minute for each alert; all
// others, of which most are broken handshakes of whoever scans ports, at verbosity 1.
type refusals struct {
	ctx     context.Context // the server's life
	log     logr.Logger
	witness Witness

	mu sync.Mutex
	// asked are the server names of handshakes under way, by the client's address.
	asked map[string]string
	// told is when an alert was logged, and how many came since.
	told map[string]*tally
}

type tally struct {
	last  time.Time
	since int
}

func newRefusals(ctx context.Context, witness Witness) *refusals {
	return &refusals{ctx: ctx, log: logf.FromContext(ctx), witness: witness, asked: make(map[string]string), told: make(map[string]*tally)}
}

// listens returns a GetCertificate that keeps in mind what clients ask for.
func (r *refusals) listens(certificates Certificates) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName != "" && hello.Conn != nil {
			r.mu.Lock()
			r.asked[hello.Conn.RemoteAddr().String()] = hello.ServerName
			r.mu.Unlock()
		}
		return certificates.GetCertificate(hello)
	}
}

// changed is http.Server's ConnState. A handshake is over when its connection is
// active, or closed, of which net/http complains first.
func (r *refusals) changed(conn net.Conn, state http.ConnState) {
	if state == http.StateActive || state == http.StateClosed {
		r.mu.Lock()
		delete(r.asked, conn.RemoteAddr().String())
		r.mu.Unlock()
	}
}

// complaint takes a line of net/http's log.
func (r *refusals) complaint(line string) {
	client, alert := refusal(line)
	if alert == "" {
		r.log.V(1).Info("A client was turned away", "why", line)
		return
	}
	if r.witness == nil {
		r.log.V(1).Info("A client does not accept the serving certificate", "client", client, "alert", alert)
		return
	}
	r.witness.Refused(alert)
	serverName, count := r.count(client, alert, time.Now())
	if count == 0 {
		return
	}
	r.log.Info("A client does not accept the serving certificate", "alert", alert, "client", client,
		"asksFor", serverName, "times", count, "likelyCause", r.witness.Why(r.ctx, serverName))
}

// count returns how many there were since the last one that was told of, or 0 if
// that is not long ago.
func (r *refusals) count(client, alert string, now time.Time) (serverName string, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, known := r.told[alert]
	if !known {
		t = &tally{}
		r.told[alert] = t
	}
	t.since++
	if known && now.Sub(t.last) < refusalInterval {
		return "", 0
	}
	count = t.since
	t.last, t.since = now, 0
	return r.asked[client], count
}

// refusal takes a complaint apart; no alert: it is about something else. API servers
// say "bad certificate", whatever they have against it; other clients say more.
func refusal(line string) (client, alert string) {
	rest, isHandshake := strings.CutPrefix(line, handshakeComplaint)
	client, err, found := strings.Cut(rest, ": ")
	alert, isAlert := strings.CutPrefix(err, remoteAlert)
	if !isHandshake || !found || !isAlert || !strings.Contains(alert, "certificate") {
		return "", ""
	}
	return client, alert
}
