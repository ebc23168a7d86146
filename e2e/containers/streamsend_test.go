package containers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// TestStreamsLeaveNothing: streams whose clients go without a word end, and the
// virtual node's process is afterwards as it was before.
func TestStreamsLeaveNothing(t *testing.T) {
	s := tellAlone(t, stage.up)
	s.runsPod("server", "Always", server)
	before, err := s.goroutines(s.ctx)
	s.must("count goroutines", err)

	const each = 10
	ctx, cut := context.WithCancel(s.ctx)
	defer cut()
	var under sync.WaitGroup
	for range each {
		s.followsUntil(ctx, &under)
		s.runsUntil(ctx, &under)
		s.forwardsUntil(ctx, &under)
	}
	during, err := s.goroutines(s.ctx)
	s.must("count goroutines", err)
	cut()
	under.Wait()
	// client-go looks after its WebSocket connections every five seconds only; and
	// a few connections between the clusters are kept for others.
	s.eventually("nothing is left of the streams", func(ctx context.Context) error {
		after, err := s.goroutines(ctx)
		if err == nil && after >= before+each {
			err = fmt.Errorf("%d goroutines, %d before, %d during %d streams", after, before, during, 3*each)
		}
		return err
	})
	if during < before+3*each {
		t.Errorf("%d goroutines before, %d during %d streams: something else is counted", before, during, 3*each)
	}
	s.endsWithProcess()
}

// endsWithProcess stops the virtual node while streams are open, and starts it
// again: it waits for nobody, and its clients learn that their streams are over.
func (s *story) endsWithProcess() {
	s.Helper()
	ctx, hangUp := context.WithCancel(s.ctx)
	defer hangUp()
	var streams, forwards sync.WaitGroup
	s.followsUntil(ctx, &streams)
	s.runsUntil(ctx, &streams)
	s.forwardsUntil(ctx, &forwards)
	stopping, cancel := context.WithTimeout(s.ctx, 4*time.Second)
	defer cancel()
	s.must("stop the virtual node", s.node.Stop(stopping))
	streams.Wait()
	hangUp()
	forwards.Wait()
	s.must("start the virtual node again", s.node.Start())
	s.must("see it ready", s.node.WaitReady(s.ctx))
}

func (s *story) followsUntil(ctx context.Context, under *sync.WaitGroup) {
	s.Helper()
	log, err := s.upstream.Client().CoreV1().Pods(s.namespace).GetLogs("server", &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	s.must("follow the log", err)
	under.Go(func() { _, _ = io.Copy(io.Discard, log); _ = log.Close() })
}

// runsUntil runs a shell with a terminal, and returns when the shell has spoken.
func (s *story) runsUntil(ctx context.Context, under *sync.WaitGroup) {
	s.Helper()
	address := s.upstream.Client().CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("server").SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"sh"}, Stdin: true, Stdout: true, TTY: true}, scheme.ParameterCodec).URL()
	executor, err := remotecommand.NewWebSocketExecutor(s.upstream.AdminConfig(), http.MethodGet, address.String())
	s.must("connect", err)
	spoken := make(chan struct{})
	var once sync.Once
	under.Go(func() {
		defer once.Do(func() { close(spoken) })
		input, closeInput := io.Pipe()
		defer func() { _ = closeInput.Close() }()
		queue := make(sizes, 1)
		defer close(queue)
		queue <- remotecommand.TerminalSize{Width: 80, Height: 24}
		output := &screen{seen: func(string) { once.Do(func() { close(spoken) }) }}
		_ = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: input, Stdout: output, Tty: true, TerminalSizeQueue: queue})
	})
	select {
	case <-spoken:
	case <-s.ctx.Done():
		s.Fatal("the shell says nothing")
	}
}

// forwardsUntil keeps a connection through a port-forward open.
func (s *story) forwardsUntil(ctx context.Context, under *sync.WaitGroup) {
	s.Helper()
	through := s.forwards(s.dialers("server")["WebSocket"], 8080)
	if _, err := asks(s.ctx, through.port, "numbers"); err != nil {
		s.Errorf("the port-forward does not work: %v", err)
	}
	under.Go(func() {
		<-ctx.Done()
		_ = through.stop()
	})
}
