package serving

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	certutil "k8s.io/client-go/util/cert"
)

// newKeeper is one whose notices are collected.
func newKeeper(t *testing.T, directory string) (*Keeper, *[]string) {
	t.Helper()
	told := new([]string)
	k, err := New(Options{
		Node: "east", Address: "192.0.2.7", Directory: directory, Unsigned: &tls.Certificate{},
		Tell:    func(_ context.Context, notice string) { *told = append(*told, notice) },
		Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return k, told
}

// pair is a certificate and its key, PEM.
func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	cert, key, err := certutil.GenerateSelfSignedCertKey("east", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// TestFollow: a request that is signed soon is nobody's business; one that waits is
// told of once, by its name, and the metric says 1 as long as it does.
func TestFollow(t *testing.T) {
	cert, key := pair(t)
	synctest.Test(t, func(t *testing.T) {
		k, told := newKeeper(t, "")
		ctx, stop := context.WithCancel(t.Context())
		go k.follow(ctx, 10*time.Second)
		passes := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		sees := func(when string, waits float64, notices int) {
			t.Helper()
			if got := float64(k.waits.Load()); got != waits {
				t.Errorf("%s: the metric is %v, want %v", when, got, waits)
			}
			if len(*told) != notices {
				t.Fatalf("%s: %d notices, want %d: %q", when, len(*told), notices, *told)
			}
		}
		k.learnRequested("a")
		passes(9 * time.Second)
		sees("before its time", 1, 0)
		if _, err := k.store.Update(cert, key); err != nil {
			t.Fatal(err)
		}
		passes(time.Minute)
		sees("signed", 0, 0)
		k.learnRequested("b")
		passes(time.Hour)
		sees("nobody approves", 1, 1)
		k.learnRequested("c")
		passes(11 * time.Second)
		sees("requested again", 1, 2)
		stop()
		synctest.Wait()
	})
}

// TestGet: what is shown is the unsigned certificate at first, then the signed one,
// and what is kept in a directory is found again there by the next process.
func TestGet(t *testing.T) {
	directory := t.TempDir()
	k, _ := newKeeper(t, directory)
	if shown, _ := k.Get(nil); shown != k.options.Unsigned {
		t.Error("the first certificate shown is not the unsigned one")
	}
	if got := testutil.ToFloat64(k.failures); got != 0 || k.notAfterSeconds() != 0 {
		t.Errorf("%v failures, an end at %v, want none", got, k.notAfterSeconds())
	}
	cert, key := pair(t)
	signed, err := k.store.Update(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if shown, _ := k.Get(nil); shown != signed {
		t.Error("the certificate that was signed is not shown")
	}
	next, _ := newKeeper(t, directory)
	if kept, err := next.store.Current(); err != nil || !kept.Leaf.Equal(signed.Leaf) {
		t.Errorf("the next process finds %v, %v", kept, err)
	}
	if next.notAfterSeconds() != float64(signed.Leaf.NotAfter.Unix()) {
		t.Errorf("it ends at %v", next.notAfterSeconds())
	}
	files, err := filepath.Glob(filepath.Join(directory, "*.pem"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files %q, %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

func TestNotice(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		reason      string
		signedUntil time.Time
		want        string
	}{
		"first": {
			"with no certificate it says what does not work",
			time.Time{},
			"Until then the kubelet API shows a certificate that nobody has signed, and API servers with --kubelet-certificate-authority refuse it, so that logs, exec and port-forward fail",
		},
		"ended": {
			"an ended certificate is no better than none", now.Add(-time.Hour),
			"The last certificate of the kubelet API ended at 2026-01-02T02:04:05Z, and API servers with --kubelet-certificate-authority refuse it, so that logs, exec and port-forward fail",
		},
		"rotation": {
			"with a certificate it says how long there is time", now.Add(time.Hour),
			"The present certificate of the kubelet API ends at 2026-01-02T04:04:05Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := "CertificateSigningRequest csr-1 waits for approval: kubectl certificate approve csr-1. " + tc.want
			if diff := cmp.Diff(want, notice("csr-1", tc.signedUntil, now)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
