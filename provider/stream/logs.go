package stream

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// logs copies a container's log. The client sees each piece at once, and the
// answer's beginning before there is any.
func (h *Handler) logs(w http.ResponseWriter, r *http.Request) {
	options, err := parseLogQuery(r.URL.Query())
	if err != nil {
		answer(w, r, err)
		return
	}
	if options.Follow {
		var cancel func()
		r, cancel = h.endless(r)
		defer cancel()
	}
	t, err := h.below(r, targetOf(r))
	if err != nil {
		answer(w, r, notReadable(err))
		return
	}
	options.Container = t.container
	log, err := h.client.CoreV1().Pods(t.namespace).GetLogs(t.pod, options).Stream(r.Context())
	if err != nil {
		answer(w, r, notReadable(fmt.Errorf("cannot open the log in the downstream cluster: %w", err)))
		return
	}
	defer log.Close() //nolint:errcheck // It was read to its end, or nobody reads it any more.

	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := flushing{w, http.NewResponseController(w)}
	if _, err := out.Write(nil); err != nil {
		return // The client is gone.
	}
	if _, err := io.Copy(out, log); err != nil && r.Context().Err() == nil {
		logf.FromContext(r.Context()).V(1).Info("A log ended early", "path", r.URL.Path, "cause", err.Error())
		// The only way to let the client know that this is not the log's end.
		panic(http.ErrAbortHandler)
	}
}

// notReadable is the answer 400 to what is wrong downstream and not a fault of
// ours. API servers tell users no more than the code of other answers to a
// request for a log, and of this one all; a kubelet gives it for containers that
// have not started, and for most else.
func notReadable(err error) error {
	if refused, ok := errors.AsType[refusal](err); ok && !refused.downstream {
		return err
	}
	if codeOf(err) == http.StatusInternalServerError {
		return err
	}
	return refuse(http.StatusBadRequest, "%s", err)
}

// flushing sends every piece at once.
type flushing struct {
	io.Writer
	controller *http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.controller.Flush()
	}
	return n, err
}
