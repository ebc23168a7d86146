package faults

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// brief is how long a test waits for what must not happen.
const brief = 300 * time.Millisecond

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault Fault
		// want is the reason of the answer, retry the seconds to wait before trying again.
		want  metav1.StatusReason
		retry int
	}{
		"None":         {Fault{}, "", 0},
		"Unauthorized": {Fault{Unauthorized: true}, metav1.StatusReasonUnauthorized, 0},
		"Forbidden":    {Fault{Forbidden: true}, metav1.StatusReasonForbidden, 0},
		"Unavailable":  {Fault{Unavailable: 1}, metav1.StatusReasonServiceUnavailable, retryAfter},
		"ForOthers":    {Fault{Unavailable: 1, Only: Resources("nodes")}, "", 0},
		"ForThese":     {Fault{Unavailable: 1, Only: Both(Resources("pods"), Verbs("list"))}, metav1.StatusReasonServiceUnavailable, retryAfter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, newStandIn(t).config)
			client := clientOf(t, through(t, p))
			heal := p.Inject(tc.fault)

			var passedOn int
			err := request(client, http.MethodGet).Do(t.Context()).Error()
			if got := apierrors.ReasonForError(err); got != tc.want && (tc.want != "" || err != nil) {
				t.Errorf("the answer is %v, want one with the reason %q", err, tc.want)
			}
			if tc.want == "" {
				passedOn = 1
			}
			if delay, _ := apierrors.SuggestsClientDelay(err); delay != tc.retry {
				t.Errorf("the answer asks for %d s of patience, want %d", delay, tc.retry)
			}
			want := []Count{{Kind: Kind{Verb: "list", Resource: "pods"}, Received: 1, PassedOn: passedOn}}
			if diff := cmp.Diff(want, p.Requests()); diff != "" {
				t.Errorf("counted: -want, +got:\n%s", diff)
			}
			heal()
			heal()
			if err := request(client, http.MethodGet).Do(t.Context()).Error(); err != nil {
				t.Errorf("after the fault was healed: %v", err)
			}
		})
	}
}

// TestSeveralFaults: those that are not healed go on.
func TestSeveralFaults(t *testing.T) {
	t.Parallel()
	p := start(t, newStandIn(t).config)
	client := clientOf(t, through(t, p))
	reason := func() metav1.StatusReason {
		return apierrors.ReasonForError(request(client, http.MethodGet).Do(t.Context()).Error())
	}
	first, second := p.Inject(Fault{Forbidden: true}), p.Inject(Fault{Unauthorized: true})
	for _, step := range []struct {
		do   func()
		want metav1.StatusReason
	}{
		{func() {}, metav1.StatusReasonUnauthorized},
		{second, metav1.StatusReasonForbidden},
		{first, metav1.StatusReasonUnknown},
	} {
		step.do()
		if got := reason(); got != step.want {
			t.Errorf("the answer has the reason %q, want %q", got, step.want)
		}
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	p := start(t, newStandIn(t).config)
	config := through(t, p)
	config.BearerToken = "guessed"
	if err := request(clientOf(t, config), http.MethodGet).Do(t.Context()).Error(); !apierrors.IsUnauthorized(err) {
		t.Errorf("a request with another token is answered %v", err)
	}
	info, err := os.Stat(p.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the kubeconfig has the mode %o", mode)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	p := start(t, newStandIn(t).config)
	client := clientOf(t, through(t, p))
	defer p.Inject(Fault{Latency: brief})()
	began := time.Now()
	if err := request(client, http.MethodGet).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < brief {
		t.Errorf("the answer came after %s, want %s at least", took, brief)
	}
}

// TestReset: every answer is lost, but some of the requests were carried out, and
// the seed says which.
func TestReset(t *testing.T) {
	t.Parallel()
	const requests = 20
	var runs []string
	for range 2 {
		s := newStandIn(t)
		p := start(t, s.config)
		client := clientOf(t, through(t, p))
		heal := p.Inject(Fault{Reset: 1})
		var carriedOut strings.Builder
		for range requests {
			before := s.created.Load()
			err := request(client, http.MethodPost).Body(pod(0)).Do(t.Context()).Error()
			if !wasReset(err) {
				t.Errorf("a request ended with %v, want a connection that was reset", err)
			}
			carriedOut.WriteString(map[int64]string{0: "-", 1: "x"}[s.created.Load()-before])
		}
		got := Writes(p.Requests())
		if got != int(s.created.Load()) || got == 0 || got == requests {
			t.Errorf("%d writes were passed on and %d carried out, want some of %d", got, s.created.Load(), requests)
		}
		heal()
		if err := request(client, http.MethodPost).Body(pod(0)).Do(t.Context()).Error(); err != nil {
			t.Errorf("after the fault was healed: %v", err)
		}
		runs = append(runs, carriedOut.String())
	}
	if runs[0] != runs[1] {
		t.Errorf("with one seed the requests %s were carried out, and then %s", runs[0], runs[1])
	}
}

func TestSilent(t *testing.T) {
	t.Parallel()
	for name, only := range map[string]func(*http.Request) bool{"Connections": nil, "Requests": Resources("pods")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			p := start(t, s.config)
			client := clientOf(t, through(t, p))
			watch := openWatch(t, client)
			next(t, watch)
			heal := p.Inject(Fault{Silent: true, Only: only})
			s.more <- struct{}{}

			ctx, cancel := context.WithTimeout(t.Context(), brief)
			defer cancel()
			err := request(client, http.MethodPost).Body(pod(0)).Do(ctx).Error()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a request ended with %v, want no answer", err)
			}
			select {
			case line := <-watch:
				t.Errorf("the watch delivers %q", line)
			default:
			}
			heal()
			if line := next(t, watch); !strings.HasPrefix(line, "broken:") {
				t.Errorf("the watch has %q, want it to be cut", line)
			}
			if n := s.created.Load(); n != 0 {
				t.Errorf("%d requests of the silence were carried out", n)
			}
			if err := request(client, http.MethodPost).Body(pod(0)).Do(t.Context()).Error(); err != nil {
				t.Errorf("after the fault was healed: %v", err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := newStandIn(t)
	p := start(t, s.config)
	client := clientOf(t, through(t, p))
	watch := openWatch(t, client)
	next(t, watch)
	heal := p.Inject(Fault{Refused: true})
	other := p.Inject(Fault{Refused: true})
	if line := next(t, watch); !strings.HasPrefix(line, "broken:") {
		t.Errorf("the watch has %q, want it to be cut", line)
	}
	for range 2 {
		if err := request(client, http.MethodGet).Do(t.Context()).Error(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a request ended with %v, want a connection that was refused", err)
		}
		other()
	}
	heal()
	if err := request(client, http.MethodGet).Do(t.Context()).Error(); err != nil {
		t.Errorf("after the fault was healed: %v", err)
	}
}

// TestTargetGone: a request that cannot be passed on gets no answer.
func TestTargetGone(t *testing.T) {
	t.Parallel()
	p := start(t, &rest.Config{Host: "https://127.0.0.1:1"})
	err := request(clientOf(t, through(t, p)), http.MethodPost).Body(pod(0)).Do(t.Context()).Error()
	if !wasReset(err) {
		t.Errorf("a request ended with %v, want a connection that was reset", err)
	}
}

// wasReset: the kernel tells of a reset once, and a reader who comes after the
// writer was told sees an end instead.
func wasReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrUnexpectedEOF)
}

// TestUpgrade: exec and port-forward work through the proxy, and break when their
// connection does.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	p := start(t, newStandIn(t).config)
	config := through(t, p)
	config.NextProtos = []string{"http/1.1"}
	way, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, config.Host+"/api/v1/namespaces/a/pods/p/exec", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "SPDY/3.1")
	response, err := way.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	stream, ok := response.Body.(io.ReadWriter)
	if response.StatusCode != http.StatusSwitchingProtocols || !ok {
		t.Fatalf("the answer is %s", response.Status)
	}
	if _, err := io.WriteString(stream, "hello"); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, 5)
	if _, err := io.ReadFull(stream, heard); err != nil || string(heard) != "hello" {
		t.Errorf("the echo is %q, %v", heard, err)
	}
	defer p.Inject(Fault{Refused: true})()
	if _, err := stream.Read(heard); err == nil {
		t.Error("the connection goes on although connections are cut")
	}
}
