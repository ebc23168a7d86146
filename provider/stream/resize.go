package stream

import (
	"github.com/virtual-kubelet/virtual-kubelet/node/api"
	"k8s.io/client-go/tools/remotecommand"
)

// sizeQueue hands on the sizes of the client's terminal.
type sizeQueue struct {
	ended <-chan struct{}
	sizes <-chan api.TermSize
	// nothing says that the last size was 0 by 0.
	nothing bool
}

// Next waits for the next size. It returns nil when the stream has ended:
// virtual-kubelet never closes the channel, and when the client has stopped
// sending it delivers sizes of 0 by 0 as fast as they are read. A single one comes
// from a terminal that does not know its size yet, and is passed over.
func (q *sizeQueue) Next() *remotecommand.TerminalSize {
	for {
		select {
		case <-q.ended:
			return nil
		case size := <-q.sizes:
			if size.Width != 0 || size.Height != 0 {
				q.nothing = false
				return &remotecommand.TerminalSize{Width: size.Width, Height: size.Height}
			}
			if q.nothing {
				return nil
			}
			q.nothing = true
		}
	}
}
