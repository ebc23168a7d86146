package webhook

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/client-go/tools/events"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/review"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/spread"
)

// NamespaceReader returns what a namespace says of its pods: its labels, and of its
// annotations those that count.
type NamespaceReader interface {
	// asked says that the API server asked because the namespace opted in.
	Namespace(ctx context.Context, name string, asked bool) (labels, annotations map[string]string, err error)
}

// Sidecars knows the SidecarSets, sorted by name.
type Sidecars interface {
	Sets() []*sidecar.Set
}

// Handler answers admission requests for pods. It implements controller-runtime's
// admission.Handler, and never panics: whatever goes wrong inside, a pod that is
// not at fault is admitted as it is, with a warning.
type Handler struct {
	// Policy is the installation's choice for all pods.
	Policy mutate.Policy
	// Namespaces is asked about the namespace of every pod.
	Namespaces NamespaceReader
	// Spreads chooses subsets by WorkloadSpreads; nil: there are none.
	Spreads Spreads
	// Sidecars knows what is to be injected; nil: nothing.
	Sidecars Sidecars
	// Events tells owners of pods which subset was chosen; nil: nobody is told.
	Events events.EventRecorder
	// Metrics counts what was decided.
	Metrics *Metrics
	// Tracer records admissions, and has their pods say so; nil: nothing is recorded.
	Tracer trace.Tracer
}

// verdict is an answer and what is to be told about it.
type verdict struct {
	outcome  outcome
	reason   string
	response admission.Response
	err      error
}

// Handle answers one request.
func (h *Handler) Handle(ctx context.Context, req admission.Request) admission.Response {
	started := time.Now()
	ctx, span := h.span(ctx, "admit pod", trace.WithSpanKind(trace.SpanKindServer))
	v := h.judge(ctx, req)
	h.Metrics.observe(v, time.Since(started))
	v.log(logf.FromContext(ctx), req)
	v.annotate()
	v.tell(span, req)
	return v.response
}

func (h *Handler) judge(ctx context.Context, req admission.Request) (v verdict) {
	defer func() {
		if bug := recover(); bug != nil {
			v = failedOpen(fmt.Errorf("panic: %v\n%s", bug, debug.Stack()))
		}
	}()
	if req.Resource.Resource != "pods" || req.Resource.Group != "" {
		return skipped(mutate.NotAPod, nil)
	}
	if req.Operation != admissionv1.Create || req.SubResource != "" {
		return skipped(mutate.NotCreated, nil)
	}
	pod, err := review.ReadHead(req.Object.Raw)
	if err != nil {
		return refused(http.StatusBadRequest, err)
	}
	in := mutate.Input{Pod: pod.Head, Create: true, Sidecars: h.sidecars(), Key: string(req.UID), Now: time.Now(), TraceParent: h.traceParent(ctx)}
	if in.Namespace, err = h.namespace(ctx, req, in); err != nil {
		return refused(http.StatusInternalServerError, err)
	}
	// What is not ours is told by its head. That is half of what reading it costs.
	if reason, warning := mutate.Verdict(in, h.Policy); reason != "" {
		return skipped(reason, warnings(warning))
	}
	unknown, err := pod.Read()
	if err != nil {
		return refused(http.StatusBadRequest, err)
	}
	in.Spread = h.chooseSubset(ctx, req, in)
	out := mutate.Admit(in, h.Policy)
	if !isDryRun(req) && out.Denied == nil && out.Skipped == "" {
		h.narrate(req.Namespace, in, out)
	}
	h.Metrics.countSidecars(out)
	return answer(req.Object.Raw, in, out, unknown)
}

// chooseSubset asks for the subset of a pod that will be handled.
func (h *Handler) chooseSubset(ctx context.Context, req admission.Request, in mutate.Input) *spread.Decision {
	if h.Spreads == nil || !mutate.Handles(in, h.Policy) {
		return nil
	}
	ctx, span := h.span(ctx, "choose subset")
	defer span.End()
	decision := h.Spreads.Decide(ctx, req.Namespace, in.Pod, req.UID, isDryRun(req))
	if span.IsRecording() && decision != nil {
		span.SetAttributes(attribute.String("spillway.workloadspread", decision.Spread.Name), attribute.String("spillway.reason", string(decision.Reason)))
	}
	return decision
}

// narrate tells which subset was chosen, or what became of the choice.
func (h *Handler) narrate(namespace string, in mutate.Input, out mutate.Outcome) {
	told := in.Spread
	if told != nil && told.Err == nil && out.SpreadFailed != nil {
		told = &spread.Decision{Spread: told.Spread, Reason: spread.Failed, Err: out.SpreadFailed}
	}
	narrator := narrator{events: h.Events}
	narrator.tell(namespace, in.Pod, told)
	for _, failure := range out.SidecarsFailed {
		narrator.tellOfSidecar(namespace, in.Pod, failure)
	}
}

func (h *Handler) sidecars() []*sidecar.Set {
	if h.Sidecars == nil {
		return nil
	}
	return h.Sidecars.Sets()
}

func isDryRun(req admission.Request) bool { return req.DryRun != nil && *req.DryRun }

// namespace gathers what the decision may depend on: labels of the namespace
// count for pods without a label of their own, and for SidecarSets that select
// namespaces; annotations for pods without one of their own. Only for the first of
// these a pod is refused.
func (h *Handler) namespace(ctx context.Context, req admission.Request, in mutate.Input) (mutate.Namespace, error) {
	namespace := mutate.Namespace{Name: req.Namespace}
	_, labelled := in.Pod.Labels[api.OptInLabel]
	namespace.Labels, namespace.Annotations, namespace.Err = h.Namespaces.Namespace(ctx, req.Namespace, !labelled)
	if namespace.Err != nil && !labelled {
		return namespace, fmt.Errorf("cannot tell whether namespace %q opted in: %w", req.Namespace, namespace.Err)
	}
	return namespace, nil
}

// answer puts the core's outcome into the words of the admission API.
func answer(raw []byte, in mutate.Input, out mutate.Outcome, unknown []error) verdict {
	switch {
	case out.Denied != nil:
		return verdict{outcome: outcomeDenied, reason: deniedStash, response: admission.Denied(out.Denied.Error()).WithWarnings(out.Warnings...), err: out.Denied}
	case out.Skipped != "":
		return skipped(out.Skipped, out.Warnings)
	}
	operations, err := Patch(raw, in.Pod, out.Pod)
	if err != nil {
		return failedOpen(err)
	}
	v := verdict{outcome: outcomeHandled, response: admission.Allowed("")}
	if len(operations) > 0 {
		v.response = admission.Patched("", operations...)
	}
	told := slices.Concat(out.Warnings, lostFields(unknown))
	if in.Spread != nil {
		told = append(told, in.Spread.Warnings...)
	}
	v.response = v.response.WithWarnings(told...)
	switch {
	case out.SpreadFailed != nil:
		v.outcome, v.reason, v.err = outcomeFailed, stepSpread, out.SpreadFailed
	case len(out.SidecarsFailed) > 0:
		first := out.SidecarsFailed[0]
		v.outcome, v.reason, v.err = outcomeFailed, stepSidecar, fmt.Errorf("SidecarSet %q: %w", first.Set, first.Err)
	}
	return v
}

// lostFields warns of parts of the scheduling fields that this build does not
// know, sent by a newer API server: they are not in the stash. Unknown fields
// elsewhere stay in the pod, since no patch touches them.
func lostFields(unknown []error) []string {
	var names []string
	for _, err := range unknown {
		if text := err.Error(); strings.Contains(text, `"spec.affinity.`) || strings.Contains(text, `"spec.topologySpreadConstraints[`) || strings.Contains(text, `"spec.tolerations[`) {
			names = append(names, text)
		}
	}
	if names == nil {
		return nil
	}
	return []string{"this version of Spillway does not know, and cannot carry downstream: " + strings.Join(names, ", ")}
}

func warnings(warning string) []string {
	if warning == "" {
		return nil
	}
	return []string{warning}
}

func skipped(reason mutate.Reason, warnings []string) verdict {
	return verdict{outcome: outcomeSkipped, reason: string(reason), response: admission.Allowed("").WithWarnings(warnings...)}
}

// refused answers a request that cannot be judged. The pod is not created: to
// admit it as it is could lose its constraints.
func refused(code int32, err error) verdict {
	return verdict{outcome: outcomeFailed, reason: stepRequest, response: admission.Errored(code, err), err: err}
}

// failedOpen admits the pod as it is. Its constraints are all in place then, so
// it runs where its author said, but on the upstream cluster's own nodes.
func failedOpen(err error) verdict {
	response := admission.Allowed("").WithWarnings("Spillway failed to handle the pod and left it as it is; its log says why")
	return verdict{outcome: outcomeFailed, reason: stepMutate, response: response, err: err}
}
