package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-logr/logr"
	"github.com/virtual-kubelet/virtual-kubelet/node/api"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/spillway-io/spillway/provider/credentials"
)

// exec runs a command in a container of the downstream pod.
func (h *Handler) exec(w http.ResponseWriter, r *http.Request) {
	r, cancel := h.endless(r)
	defer cancel()
	t, ok := h.admit(w, r)
	if !ok {
		return
	}
	run := func(ctx context.Context, _, _, _ string, command []string, client api.AttachIO) error {
		return h.command(ctx, t, "exec", &corev1.PodExecOptions{
			Container: t.container, Command: command,
			Stdin: client.Stdin() != nil, Stdout: client.Stdout() != nil, Stderr: client.Stderr() != nil, TTY: client.TTY(),
		}, client)
	}
	api.HandleContainerExec(run, execTimeouts()...)(w, forVirtualKubelet(r, t))
}

// attach joins what runs in a container of the downstream pod.
func (h *Handler) attach(w http.ResponseWriter, r *http.Request) {
	r, cancel := h.endless(r)
	defer cancel()
	t, ok := h.admit(w, r)
	if !ok {
		return
	}
	join := func(ctx context.Context, _, _, _ string, client api.AttachIO) error {
		return h.command(ctx, t, "attach", &corev1.PodAttachOptions{
			Container: t.container,
			Stdin:     client.Stdin() != nil, Stdout: client.Stdout() != nil, Stderr: client.Stderr() != nil, TTY: client.TTY(),
		}, client)
	}
	api.HandleContainerAttach(join, execTimeouts()...)(w, forVirtualKubelet(r, t))
}

// command connects the client with a subresource of the downstream pod until
// either goes. A command's exit code is returned as virtual-kubelet recognizes
// it: as an error that wraps nothing and is not wrapped.
func (h *Handler) command(ctx context.Context, t target, subresource string, options runtime.Object, client api.AttachIO) error {
	executor, err := h.executor(h.subresource(t, subresource, options))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	streams := remotecommand.StreamOptions{Stdin: client.Stdin(), Stdout: client.Stdout(), Stderr: client.Stderr(), Tty: client.TTY()}
	if client.TTY() {
		streams.TerminalSizeQueue = &sizeQueue{ended: ctx.Done(), sizes: client.Resize()}
	}
	// What client-go would log as errors is that clients go without a word.
	err = executor.StreamWithContext(klog.NewContext(ctx, logr.Discard()), streams)
	if exited, ok := errors.AsType[exec.CodeExitError](err); ok {
		return exited
	}
	if err != nil {
		return fmt.Errorf("cannot %s in the downstream cluster: %w", subresource, err)
	}
	return nil
}

// subresource is the address of a subresource of the downstream pod.
func (h *Handler) subresource(t target, name string, options runtime.Object) *url.URL {
	return h.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.namespace).Name(t.pod).SubResource(name).
		VersionedParams(options, scheme.ParameterCodec).URL()
}

// executor speaks WebSocket, or SPDY where that is not understood. It is good for
// one use.
func (h *Handler) executor(address *url.URL) (remotecommand.Executor, error) {
	fail := func(err error) (remotecommand.Executor, error) {
		return nil, fmt.Errorf("cannot set up the connection to the downstream cluster: %w", err)
	}
	config, address := credentials.Now(h.config, address)
	// WebSocket connections begin with a GET.
	socket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, address.String())
	if err != nil {
		return fail(err)
	}
	spdy, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, address)
	if err != nil {
		return fail(err)
	}
	executor, err := remotecommand.NewFallbackExecutor(socket, spdy, isNoWebSocket)
	if err != nil {
		return fail(err)
	}
	return executor, nil
}

// isNoWebSocket says that the server, or a proxy before it, does not speak
// WebSocket.
func isNoWebSocket(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}
