package credentials

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/rest"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// TestRotation: clients that were made before send the new token, streams too.
func TestRotation(t *testing.T) {
	server := newAPIServer(t, "here", "old")
	o := open(t, server.kubeconfig(t, "", "old"))
	if code := o.code(); code != http.StatusOK {
		t.Fatalf("code %d at first", code)
	}
	server.becomes("new", false)
	o.swap(server.kubeconfig(t, "", "new"))
	if code := o.code(); code != http.StatusUnauthorized {
		t.Fatalf("code %d with the old token, which is not good any more", code)
	}
	o.look(t.Context())
	if code := o.code(); code != http.StatusOK {
		t.Errorf("code %d with the new token", code)
	}
	now, _ := Now(o.Config(), &url.URL{})
	if now.BearerToken != "new" || now.UserAgent != "test" || len(now.CAData) == 0 {
		t.Errorf("streams have token %q, agent %q and a CA of %d bytes", now.BearerToken, now.UserAgent, len(now.CAData))
	}
}

// TestRunAfterRefusal: a request that is refused has the file read long before its
// turn.
func TestRunAfterRefusal(t *testing.T) {
	server := newAPIServer(t, "here", "old")
	o := open(t, server.kubeconfig(t, "", "old"))
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	defer run.Wait()
	defer stop()
	run.Go(func() { o.Run(ctx) })

	server.becomes("new", false)
	o.swap(server.kubeconfig(t, "", "new"))
	before := o.transport.now()
	if code := o.code(); code != http.StatusUnauthorized {
		t.Fatalf("code %d with the old token", code)
	}
	<-before.lives.Done() // The test's deadline is ten minutes; the file's turn, ten seconds.
	if code := o.code(); code != http.StatusOK {
		t.Errorf("code %d with the new token", code)
	}
}

// TestRunRegularly: the file is read without any request.
func TestRunRegularly(t *testing.T) {
	server := newAPIServer(t, "here", "old")
	first, second := server.kubeconfig(t, "", "old"), server.kubeconfig(t, "", "new")
	synctest.Test(t, func(t *testing.T) {
		o := open(t, first)
		ctx, stop := context.WithCancel(t.Context())
		before := o.transport.now()
		go o.Run(ctx)
		o.swap(second)
		<-before.lives.Done()
		stop()
		synctest.Wait()
	})
}

// TestWatchesEnd: a watch ends as API servers end them, and one that has no answer
// yet is sent again, for the caller to notice nothing.
func TestWatchesEnd(t *testing.T) {
	server := newAPIServer(t, "here", "old")
	o := open(t, server.kubeconfig(t, "", "old"))
	body := bufio.NewReader(o.get(t.Context(), "/api?watch=true").Body)
	if line, err := body.ReadString('\n'); line != "event\n" || err != nil {
		t.Fatalf("the watch says %q, %v", line, err)
	}
	<-server.came
	server.becomes("old", true)
	answered := make(chan string, 1)
	go func() { answered <- o.said("/api?watch=true") }()
	<-server.came
	<-server.silent // it has seen that it has to be

	server.becomes("new", false)
	o.swap(server.kubeconfig(t, "", "new"))
	o.look(t.Context())
	if _, err := body.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("the watch ends with %v, want EOF", err)
	}
	if came := <-server.came; came != "Bearer new" {
		t.Errorf("the watch without an answer was sent again with %q", came)
	}
	if line := <-answered; line != "event\n" {
		t.Errorf("its answer is %q", line)
	}
}

// TestUnusable: what cannot be used changes nothing but a line in the log, which
// names the file, and a metric.
func TestUnusable(t *testing.T) {
	server, other := newAPIServer(t, "here", "old"), newAPIServer(t, "there", "old")
	good := server.kubeconfig(t, "", "old")
	absent := strings.ReplaceAll(good, server.URL, "https://127.0.0.1:1")
	nameless, _, _ := strings.Cut(good, "token:")
	cases := map[string]struct{ reason, content, want string }{
		"empty":           {"A file is emptied before it is written.", "", "no configuration has been provided"},
		"half-written":    {"The rest is still to come.", good[:len(good)/2], ""},
		"cut-off":         {"It can be parsed, but nobody is left in it.", nameless, "has no credentials any more"},
		"no-yaml":         {"It is something else.", "\t{", "cannot parse"},
		"no-context":      {"Nothing says which server.", strings.Replace(good, "current-context: c", "current-context: d", 1), "context was not found for specified context: d"},
		"no-user":         {"There are no credentials.", strings.Replace(good, "user: u", "user: v", 1), "it has no user"},
		"another-cluster": {"All pods would look deleted.", other.kubeconfig(t, "", "old"), "the server of another cluster"},
		"nobody-there":    {"Nobody knows which cluster that is.", absent, "cannot be told"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := open(t, good)
			var logged []string
			ctx := logf.IntoContext(t.Context(), funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{}))
			o.code()
			o.look(ctx)
			o.swap(tc.content)
			o.look(ctx)
			o.look(ctx)
			if len(logged) != 1 || !strings.Contains(logged[0], tc.want) || !strings.Contains(logged[0], o.file()) {
				t.Errorf("%s\nlogged %q, want one line with %q and the file's name", tc.reason, logged, tc.want)
			}
			if o.gauge() != 1 || o.code() != http.StatusOK {
				t.Errorf("%s\ngauge %v, code %d; want 1, and what was there before", tc.reason, o.gauge(), o.code())
			}
			o.swap(good)
			o.look(ctx)
			if o.gauge() != 0 {
				t.Errorf("%s\ngauge %v when the file is as it was", tc.reason, o.gauge())
			}
		})
	}
	t.Run("gone", func(t *testing.T) {
		o := open(t, good)
		if err := os.Remove(o.file()); err != nil {
			t.Fatal(err)
		}
		o.look(t.Context())
		if o.gauge() != 1 || o.code() != http.StatusOK {
			t.Errorf("gauge %v, code %d", o.gauge(), o.code())
		}
	})
}

// TestAddress: the same cluster may move; requests go to where it is, and streams.
func TestAddress(t *testing.T) {
	before, after := newAPIServer(t, "here", "old"), newAPIServer(t, "here", "old")
	o := open(t, before.kubeconfig(t, "", "old"))
	o.code()
	o.look(t.Context())
	before.Close() // Its id is known.
	o.swap(after.kubeconfig(t, "/behind/", "old"))
	o.look(t.Context())
	host := strings.TrimPrefix(after.URL, "https://")
	if got, want := o.said("/api/v1/pods"), host+"/behind/api/v1/pods"; got != want {
		t.Errorf("a client asked for %s, want %s", got, want)
	}
	address, err := url.Parse(before.URL + "/api/v1/pods?stdin=true")
	if err != nil {
		t.Fatal(err)
	}
	if _, got := Now(o.Config(), address); got.String() != after.URL+"/behind/api/v1/pods?stdin=true" {
		t.Errorf("a stream goes to %s", got)
	}
}

// TestUnknownCluster: an address is corrected at will as long as nobody answered
// there, and not when somebody did who did not say who they are.
func TestUnknownCluster(t *testing.T) {
	server := newAPIServer(t, "here", "good")
	absent := open(t, strings.ReplaceAll(server.kubeconfig(t, "", "good"), server.URL, "https://127.0.0.1:1"))
	absent.look(t.Context())
	absent.swap(server.kubeconfig(t, "", "good"))
	absent.look(t.Context())
	if code := absent.code(); code != http.StatusOK {
		t.Errorf("code %d after the address was corrected", code)
	}

	unknown := open(t, server.kubeconfig(t, "", "bad"))
	unknown.code()
	other := newAPIServer(t, "there", "bad")
	unknown.swap(other.kubeconfig(t, "", "bad"))
	unknown.look(t.Context())
	if code := unknown.code(); code != http.StatusUnauthorized || unknown.gauge() != 1 {
		t.Errorf("code %d, gauge %v: a cluster was changed for another one", code, unknown.gauge())
	}
}

// TestNowOfOthers: a configuration that is not a Kubeconfig's is as good as ever.
func TestNowOfOthers(t *testing.T) {
	config, address := &rest.Config{BearerToken: "t"}, &url.URL{Host: "x"}
	if c, a := Now(config, address); c != config || a != address {
		t.Errorf("Now() = %v, %v", c, a)
	}
}
