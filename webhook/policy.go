package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	kjson "sigs.k8s.io/json"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/spread"
)

// Where the server answers for WorkloadSpreads.
const (
	DefaultSpreadsPath  = "/default-workloadspreads"
	ValidateSpreadsPath = "/validate-workloadspreads"
)

// workloadSpreads is the resource that the policy webhooks are about.
const workloadSpreads = "workloadspreads"

// addPolicies serves the webhooks for policy objects and, if the process
// registers itself, has it keep their registration.
func addPolicies(mgr manager.Manager, server ctrlwebhook.Server, opts Options) error {
	reader := policyReader{live: mgr.GetAPIReader()}
	server.Register(DefaultSpreadsPath, &admission.Webhook{Handler: SpreadDefaulter{}})
	server.Register(ValidateSpreadsPath, &admission.Webhook{Handler: &SpreadValidator{Spreads: reader, Templates: reader}})
	if opts.Register == nil {
		return nil
	}
	registration := &policyRegistration{
		live: mgr.GetAPIReader(), upstream: mgr.GetClient(), listening: healthz.Checker(server.StartedChecker()), registration: *opts.Register, every: policyCheckInterval,
	}
	if err := mgr.Add(registration); err != nil {
		return fmt.Errorf("cannot schedule the registration for policy objects: %w", err)
	}
	return nil
}

// SpreadDefaulter writes into WorkloadSpreads what their authors need not say.
// It implements controller-runtime's admission.Handler.
type SpreadDefaulter struct{}

// Handle answers one request.
func (SpreadDefaulter) Handle(ctx context.Context, req admission.Request) admission.Response {
	return handlePolicy(ctx, req, func(ctx context.Context) admission.Response {
		ws, _, err := decodeSpread(req.Object.Raw, req.Namespace)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		operations, err := spreadPatch(req.Object.Raw, ws, spread.Default(ws))
		if err != nil {
			return policyFailedOpen(ctx, err)
		}
		return admission.Patched("", operations...)
	})
}

// handlePolicy lets everything through but what the webhooks are about, and an
// object that a bug of ours keeps from being judged: admission of pods copes
// with any WorkloadSpread.
func handlePolicy(ctx context.Context, req admission.Request, judge func(context.Context) admission.Response) (response admission.Response) {
	defer func() {
		if bug := recover(); bug != nil {
			response = policyFailedOpen(ctx, fmt.Errorf("panic: %v\n%s", bug, debug.Stack()))
		}
	}()
	isWrite := req.Operation == admissionv1.Create || req.Operation == admissionv1.Update
	if req.Resource.Group != v1alpha1.GroupVersion.Group || req.Resource.Resource != workloadSpreads || req.SubResource != "" || !isWrite {
		return admission.Allowed("")
	}
	return judge(ctx)
}

func policyFailedOpen(ctx context.Context, err error) admission.Response {
	logf.FromContext(ctx).Error(err, "Failed to handle a policy object and let it through")
	return admission.Allowed("").WithWarnings("Spillway failed to judge the object and let it through as it is; its log says why")
}

// decodeSpread reads a WorkloadSpread; unknown names the fields that there are
// not, or not in this version.
func decodeSpread(raw []byte, namespace string) (ws *v1alpha1.WorkloadSpread, unknown []error, err error) {
	ws = &v1alpha1.WorkloadSpread{}
	if unknown, err = kjson.UnmarshalStrict(raw, ws); err != nil {
		return nil, nil, fmt.Errorf("cannot read the WorkloadSpread of the request: %w", err)
	}
	ws.Namespace = namespace
	return ws, unknown, nil
}

// spreadPatch returns the JSON patch that turns before into after. It compares
// typed value with typed value, for the reason that Patch gives. The types have
// objects that the request may lack, and those are added first.
func spreadPatch(raw []byte, before, after *v1alpha1.WorkloadSpread) ([]jsonpatch.Operation, error) {
	if before == after {
		return nil, nil
	}
	beforeJSON, beforeErr := json.Marshal(before)
	afterJSON, afterErr := json.Marshal(after)
	if err := errors.Join(beforeErr, afterErr); err != nil {
		return nil, fmt.Errorf("cannot encode the WorkloadSpread: %w", err)
	}
	changes, err := jsonpatch.CreatePatch(beforeJSON, afterJSON)
	if err != nil {
		return nil, fmt.Errorf("cannot compare the WorkloadSpread with that of the request: %w", err)
	}
	var request map[string]any
	if err := json.Unmarshal(raw, &request); err != nil {
		return nil, fmt.Errorf("cannot read the WorkloadSpread of the request: %w", err)
	}
	var operations []jsonpatch.Operation
	for _, change := range inOrder(changes) {
		operations = append(operations, missingAbove(change.Path, request)...)
		operations = append(operations, change)
	}
	return operations, nil
}

// missingAbove returns what adds the objects that object lacks on the way to
// path, and adds them to it. It follows the fields of objects only.
func missingAbove(path string, object map[string]any) []jsonpatch.Operation {
	var operations []jsonpatch.Operation
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, name := range names[:len(names)-1] {
		if object[name] == nil {
			object[name] = map[string]any{}
			operations = append(operations, jsonpatch.NewOperation("add", "/"+strings.Join(names[:i+1], "/"), map[string]any{}))
		}
		below, isObject := object[name].(map[string]any)
		if !isObject {
			return operations
		}
		object = below
	}
	return operations
}
