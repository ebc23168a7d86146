package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/virtual-kubelet/virtual-kubelet/node/api"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// idleTimeout ends a stream on which nothing moves; a kubelet's default.
	idleTimeout = 4 * time.Hour
	// creationTimeout is how long a client may take to open the streams of a
	// connection; a kubelet's as well.
	creationTimeout = 30 * time.Second
)

// Handler serves the part of the kubelet API that is about pods.
type Handler struct {
	pods   Pods
	config *rest.Config
	client kubernetes.Interface
	routes *http.ServeMux
	// stopping ends when streams that would go on for ever must not.
	stopping context.Context //nolint:containedctx // The life of the process, beside that of each request.
	requests crew
}

// NewHandler opens streams with the downstream credentials in config. Streams
// without an end of their own end with ctx.
func NewHandler(ctx context.Context, pods Pods, config *rest.Config) (*Handler, error) {
	config = rest.CopyConfig(config)
	// Streams last.
	config.Timeout = 0
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot open the downstream cluster for streams: %w", err)
	}
	h := &Handler{pods: pods, config: config, client: clients, routes: http.NewServeMux(), stopping: ctx}
	for _, path := range []string{"/pods", "/pods/{$}", "/runningpods", "/runningpods/{$}"} {
		h.routes.HandleFunc("GET "+path, h.list)
	}
	h.routes.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", h.logs)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		h.routes.HandleFunc(method+" /exec/{namespace}/{pod}/{container}", h.exec)
		h.routes.HandleFunc(method+" /attach/{namespace}/{pod}/{container}", h.attach)
		h.routes.HandleFunc(method+" /portForward/{namespace}/{pod}", h.portForward)
	}
	return h, nil
}

// ServeHTTP answers 404 to everything that is not about pods.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.requests.begin() {
		http.Error(w, "the virtual node is stopping", http.StatusServiceUnavailable)
		return
	}
	defer h.requests.done()
	h.routes.ServeHTTP(w, r)
}

// Wait refuses further requests and returns when none is left.
func (h *Handler) Wait() { h.requests.dismiss() }

// target names what a request is about, in one of the two clusters.
type target struct{ namespace, pod, container string }

func targetOf(r *http.Request) target {
	return target{r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container")}
}

// below is the target in the downstream cluster. The error is find's.
func (h *Handler) below(r *http.Request, upstream target) (downstream target, err error) {
	key, err := h.pods.find(r.Context(), upstream.namespace, upstream.pod, upstream.container)
	return target{key.Namespace, key.Name, upstream.container}, err
}

// admit finds the target in the downstream cluster. If it returns false the
// request is answered.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request) (downstream target, ok bool) {
	downstream, err := h.below(r, targetOf(r))
	if err != nil {
		answer(w, r, err)
	}
	return downstream, err == nil
}

// endless returns the request with a context that also ends when the process
// does.
func (h *Handler) endless(r *http.Request) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	forget := context.AfterFunc(h.stopping, cancel)
	return r.WithContext(ctx), func() { forget(); cancel() }
}

// forVirtualKubelet puts the target where virtual-kubelet's handlers look for it.
func forVirtualKubelet(r *http.Request, t target) *http.Request {
	return mux.SetURLVars(r, map[string]string{"namespace": t.namespace, "pod": t.pod, "container": t.container})
}

func execTimeouts() []api.ContainerExecHandlerOption {
	return []api.ContainerExecHandlerOption{api.WithExecStreamIdleTimeout(idleTimeout), api.WithExecStreamCreationTimeout(creationTimeout)}
}

// answer tells the client what went wrong, in plain text as a kubelet does: API
// servers put that into their own answer.
func answer(w http.ResponseWriter, r *http.Request, err error) {
	code := codeOf(err)
	logf.FromContext(r.Context()).V(1).Info("Refused a stream", "path", r.URL.Path, "code", code, "cause", err.Error())
	http.Error(w, err.Error(), code)
}

// codeOf passes on what the client can do something about. A downstream API
// server that does not know us, or refuses us, is no fault of the client's.
func codeOf(err error) int {
	if refused, ok := errors.AsType[refusal](err); ok {
		return refused.code
	}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return http.StatusInternalServerError
	}
	switch code := int(status.ErrStatus.Code); code {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		return code
	default:
		return http.StatusInternalServerError
	}
}
