package stream

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/virtual-kubelet/virtual-kubelet/node/api"
	"k8s.io/client-go/tools/remotecommand"
)

func TestSizeQueue(t *testing.T) {
	cases := map[string]struct {
		reason string
		sent   []api.TermSize
		// ends says that the stream ends after what was sent.
		ends bool
		want []remotecommand.TerminalSize
	}{
		"sizes":         {"They come in order, until the stream ends.", []api.TermSize{{Width: 80, Height: 24}, {Width: 132, Height: 43}}, true, []remotecommand.TerminalSize{{Width: 80, Height: 24}, {Width: 132, Height: 43}}},
		"ended":         {"Nobody waits for ever.", nil, true, nil},
		"unknown-first": {"A terminal may not know its size at first.", []api.TermSize{{}, {Width: 80, Height: 24}}, true, []remotecommand.TerminalSize{{Width: 80, Height: 24}}},
		"client-gone":   {"virtual-kubelet repeats 0 by 0 when the client sends no more; that must not keep a processor busy.", []api.TermSize{{Width: 80, Height: 24}, {}, {}}, false, []remotecommand.TerminalSize{{Width: 80, Height: 24}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sizes, ended := make(chan api.TermSize), make(chan struct{})
			go func() {
				for _, size := range tc.sent {
					sizes <- size
				}
				if tc.ends {
					close(ended)
				}
			}()
			var got []remotecommand.TerminalSize
			queue := &sizeQueue{ended: ended, sizes: sizes}
			for size := queue.Next(); size != nil; size = queue.Next() {
				got = append(got, *size)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
