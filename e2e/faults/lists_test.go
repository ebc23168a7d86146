package faults

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestShortLists(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reason string
		fault  Fault
		limit  int64
		want   int
		more   string
	}{
		"None":            {"nothing is changed", Fault{}, 0, 10, ""},
		"NonePaged":       {"nothing is changed", Fault{}, 2, 2, "more"},
		"Empty":           {"no items", Fault{EmptyLists: true}, 0, 0, ""},
		"Truncated":       {"a quarter, rounded up, is missing", Fault{TruncatedLists: .25}, 0, 7, ""},
		"TruncatedPaged":  {"it is the whole list that is truncated", Fault{TruncatedLists: .25}, 2, 7, ""},
		"TruncatedOthers": {"this is no list of nodes", Fault{TruncatedLists: .25, Only: Resources("nodes")}, 0, 10, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, newStandIn(t).config)
			defer p.Inject(tc.fault)()
			client := clientOf(t, through(t, p))
			list, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{Limit: tc.limit})
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Items) != tc.want || list.Continue != tc.more || list.RemainingItemCount != nil || list.ResourceVersion != "100" {
				t.Errorf("%s: the list has %d items and %+v, want %d, the token %q and the version 100",
					tc.reason, len(list.Items), list.ListMeta, tc.want, tc.more)
			}
		})
	}
}

// TestShortStreams: a streaming list misses items too, and only they are missing.
func TestShortStreams(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault Fault
		want  int
	}{
		"None":      {Fault{}, 10},
		"Empty":     {Fault{EmptyLists: true}, 0},
		"Truncated": {Fault{TruncatedLists: .5}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandIn(t)
			p := start(t, s.config)
			defer p.Inject(tc.fault)()
			watch := openWatch(t, clientOf(t, through(t, p)), "sendInitialEvents=true")
			got := 0
			for strings.Contains(next(t, watch), `"ADDED"`) { // the bookmark is read too
				got++
			}
			if got != tc.want {
				t.Errorf("%d pods were there at first, want %d", got, tc.want)
			}
			s.more <- struct{}{}
			if line := next(t, watch); !strings.Contains(line, `"MODIFIED"`) {
				t.Errorf("after the list comes %q", line)
			}
		})
	}
}

func TestExpiredWatches(t *testing.T) {
	t.Parallel()
	p := start(t, newStandIn(t).config)
	client := clientOf(t, through(t, p))
	sound := func(lines <-chan string) {
		t.Helper()
		if line := next(t, lines); !strings.Contains(line, `"MODIFIED"`) {
			t.Errorf("the watch has %q, want an event", line)
		}
	}
	over := func(lines <-chan string) {
		t.Helper()
		line := next(t, lines)
		if !strings.Contains(line, `"ERROR"`) || !strings.Contains(line, `"Expired"`) || !strings.Contains(line, "410") {
			t.Errorf("the watch has %q, want an error that says it is expired", line)
		}
		if line := next(t, lines); line != "end" {
			t.Errorf("after its error the watch has %q", line)
		}
	}
	const version = "resourceVersion=7"
	running := openWatch(t, client, version)
	sound(running)
	heal := p.Inject(Fault{ExpireWatches: true, Only: Resources("pods")})
	over(running)
	over(openWatch(t, client, version))
	streaming := openWatch(t, client, version, "sendInitialEvents=true", "labelSelector=x")
	if line := next(t, streaming); !strings.Contains(line, `"ADDED"`) {
		t.Errorf("a streaming list has %q", line)
	}
	over(openWatch(t, client, version))

	if err := request(client, http.MethodGet).Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	sound(openWatch(t, client, version))
	over(openWatch(t, client, version, "labelSelector=y"))
	heal()
	sound(openWatch(t, client, version, "labelSelector=y"))
}

// TestAskForWholeJSON: what is asked for besides the encoding stays.
func TestAskForWholeJSON(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ accept, want string }{
		"Anything": {"", "application/json"},
		"Protobuf": {"application/vnd.kubernetes.protobuf,application/json", "application/json"},
		"Metadata": {
			"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
			"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
		},
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/pods?limit=500&labelSelector=a%3Db", nil)
		r.Header.Set("Accept", tc.accept)
		askForWholeJSON(r)
		if got := r.Header.Get("Accept"); got != tc.want {
			t.Errorf("%s: the media type is %q, want %q", name, got, tc.want)
		}
		if got, want := r.URL.RawQuery, "labelSelector=a%3Db"; got != want {
			t.Errorf("%s: the query is %q, want %q", name, got, want)
		}
	}
}
