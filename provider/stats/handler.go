package stats

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/prometheus/common/expfmt"
	"k8s.io/client-go/rest"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/utils/clock"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// The paths that Handler serves.
const (
	SummaryPath  = "/stats/summary"
	ResourcePath = "/metrics/resource"
	CadvisorPath = "/metrics/cadvisor"
)

// noCadvisor is why there are none.
const noCadvisor = "A virtual node has no cAdvisor metrics: they are those of a machine. Its pods run on the nodes of the downstream cluster, whose kubelets have them. " +
	"What the pods use is at " + ResourcePath + " and " + SummaryPath + "."

// Handler serves the part of the kubelet API that is about what pods use.
type Handler struct {
	routes  *http.ServeMux
	sources Sources
	rounds  *rounds
}

// NewHandler reads the figures with the downstream credentials in config. They
// need get on nodes/proxy, or list on pods of metrics.k8s.io; with neither, pods
// are told of without figures. What is being read when ctx ends is not waited for.
func NewHandler(ctx context.Context, sources Sources, config *rest.Config) (*Handler, error) {
	reader, err := newDownstream(config, sources.Identity)
	if err != nil {
		return nil, err
	}
	return newHandler(ctx, sources, reader, clock.RealClock{}), nil
}

func newHandler(ctx context.Context, sources Sources, reader reader, now clock.PassiveClock) *Handler {
	g := &gatherer{sources: sources, reader: reader, clock: now}
	h := &Handler{routes: http.NewServeMux(), sources: sources, rounds: &rounds{gather: g.gather, clock: now, life: ctx}}
	h.routes.HandleFunc("GET "+SummaryPath, h.summary)
	h.routes.HandleFunc("GET "+ResourcePath, h.resource)
	h.routes.HandleFunc("GET "+CadvisorPath, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, noCadvisor, http.StatusNotFound)
	})
	return h
}

// ServeHTTP answers 404 to everything that is not about what pods use.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.routes.ServeHTTP(w, r) }

func (h *Handler) summary(w http.ResponseWriter, r *http.Request) {
	part, _, ok := h.get(w, r)
	if !ok {
		return
	}
	// What is no boolean asks for everything, as with a kubelet.
	if less, err := strconv.ParseBool(r.URL.Query().Get("only_cpu_and_memory")); err == nil && less {
		part = onlyCPUAndMemory(part)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(part); err != nil {
		logf.FromContext(r.Context()).V(1).Info("The client of a summary went away", "cause", err.Error())
	}
}

func (h *Handler) resource(w http.ResponseWriter, r *http.Request) {
	whole, incomplete, ok := h.get(w, r)
	if !ok {
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	w.Header().Set("Content-Type", string(format))
	encoder := expfmt.NewEncoder(w, format)
	for _, f := range families(whole, incomplete) {
		if err := encoder.Encode(f); err != nil {
			logf.FromContext(r.Context()).V(1).Info("The client of metrics went away", "cause", err.Error())
			return
		}
	}
}

// get returns false when it has answered that there is nothing to give. Which pods
// there are is what the caches say now; only their figures may be some seconds old.
func (h *Handler) get(w http.ResponseWriter, r *http.Request) (whole statsv1alpha1.Summary, incomplete, ok bool) {
	got, err := h.rounds.get(r.Context())
	var pods []pod
	if err == nil {
		pods, err = h.sources.pods(r.Context())
	}
	if err != nil {
		logf.FromContext(r.Context()).V(1).Info("Cannot tell what pods use", "cause", err.Error())
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return statsv1alpha1.Summary{}, false, false
	}
	return summarize(h.sources.Identity.Node.Name, got.since, match(pods, got.known), got.counted), got.incomplete, true
}
