package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	kjson "sigs.k8s.io/json"

	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/spread"
)

// Where the server answers for policy objects.
const (
	DefaultSpreadsPath   = "/default-workloadspreads"
	ValidateSpreadsPath  = "/validate-workloadspreads"
	DefaultSidecarsPath  = "/default-sidecarsets"
	ValidateSidecarsPath = "/validate-sidecarsets"
)

// workloadSpreads is the resource of WorkloadSpreads.
const workloadSpreads = "workloadspreads"

// addPolicies serves the webhooks for policy objects.
func addPolicies(mgr manager.Manager, server ctrlwebhook.Server, others *others, opts Options) {
	reader := policyReader{live: mgr.GetAPIReader()}
	for path, handler := range map[string]admission.Handler{
		DefaultSpreadsPath:  SpreadDefaulter{},
		ValidateSpreadsPath: &SpreadValidator{Spreads: reader, Templates: reader},
		DefaultSidecarsPath: SidecarSetDefaulter{},
		ValidateSidecarsPath: &SidecarSetValidator{
			Known: sidecarReader{live: mgr.GetAPIReader(), ownNamespace: opts.Policy.OwnNamespace},
		},
	} {
		server.Register(path, &admission.Webhook{Handler: deferential{handler, others}})
	}
}

// SpreadDefaulter writes into WorkloadSpreads what their authors need not say.
// It implements controller-runtime's admission.Handler.
type SpreadDefaulter struct{}

// Handle answers one request.
func (SpreadDefaulter) Handle(ctx context.Context, req admission.Request) admission.Response {
	return defaultPolicy(ctx, req, workloadSpreads, func(ws, _ *v1alpha1.WorkloadSpread) *v1alpha1.WorkloadSpread { return spread.Default(ws) })
}

// defaultPolicy answers with what withDefaults changes of the object of a request.
// old is what it was before, nil if it is new.
func defaultPolicy[T any](ctx context.Context, req admission.Request, resource string, withDefaults func(object, old *T) *T) admission.Response {
	return handlePolicy(ctx, req, resource, func(ctx context.Context) admission.Response {
		object, _, err := decodePolicy[T](req.Object.Raw)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		var old *T
		if req.Operation == admissionv1.Update {
			if old, _, err = decodePolicy[T](req.OldObject.Raw); err != nil {
				return admission.Errored(http.StatusBadRequest, err)
			}
		}
		operations, err := policyPatch(req.Object.Raw, object, withDefaults(object, old))
		if err != nil {
			return policyFailedOpen(ctx, err)
		}
		return admission.Patched("", operations...)
	})
}

// handlePolicy lets everything through but writes of the resource, and an object
// that a bug of ours keeps from being judged: admission of pods copes with any
// policy object.
func handlePolicy(ctx context.Context, req admission.Request, resource string, judge func(context.Context) admission.Response) (response admission.Response) {
	defer func() {
		if bug := recover(); bug != nil {
			response = policyFailedOpen(ctx, fmt.Errorf("panic: %v\n%s", bug, debug.Stack()))
		}
	}()
	isWrite := req.Operation == admissionv1.Create || req.Operation == admissionv1.Update
	if req.Resource.Group != v1alpha1.GroupVersion.Group || req.Resource.Resource != resource || req.SubResource != "" || !isWrite {
		return admission.Allowed("")
	}
	return judge(ctx)
}

func policyFailedOpen(ctx context.Context, err error) admission.Response {
	logf.FromContext(ctx).Error(err, "Failed to handle a policy object and let it through")
	return admission.Allowed("").WithWarnings("Spillway failed to judge the object and let it through as it is; its log says why")
}

// decodePolicy reads a policy object; unknown names the fields that there are not,
// or not in this version.
func decodePolicy[T any](raw []byte) (object *T, unknown []error, err error) {
	object = new(T)
	if unknown, err = kjson.UnmarshalStrict(raw, object); err != nil {
		return nil, nil, fmt.Errorf("cannot read the %s of the request: %w", reflect.TypeFor[T]().Name(), err)
	}
	return object, unknown, nil
}

// policyPatch returns the JSON patch that turns before into after. It compares
// typed value with typed value, for the reason that Patch gives. The types have
// objects that the request may lack, and those are added first.
func policyPatch[T any](raw []byte, before, after *T) ([]jsonpatch.Operation, error) {
	if before == after {
		return nil, nil
	}
	beforeJSON, beforeErr := json.Marshal(before)
	afterJSON, afterErr := json.Marshal(after)
	if err := errors.Join(beforeErr, afterErr); err != nil {
		return nil, fmt.Errorf("cannot encode the object: %w", err)
	}
	changes, err := jsonpatch.CreatePatch(beforeJSON, afterJSON)
	if err != nil {
		return nil, fmt.Errorf("cannot compare the object with that of the request: %w", err)
	}
	var request map[string]any
	if err := json.Unmarshal(raw, &request); err != nil {
		return nil, fmt.Errorf("cannot read the object of the request: %w", err)
	}
	var operations []jsonpatch.Operation
	for _, change := range inOrder(changes) {
		operations = append(operations, missingAbove(change.Path, request)...)
		operations = append(operations, change)
	}
	return operations, nil
}

// missingAbove returns what adds the objects that object lacks on the way to
// path, and adds them to it. An item of a list may be null, but is there.
func missingAbove(path string, object map[string]any) []jsonpatch.Operation {
	var operations []jsonpatch.Operation
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var at any = object
	for i, name := range names[:len(names)-1] {
		switch parent := at.(type) {
		case map[string]any:
			if parent[name] == nil {
				parent[name] = map[string]any{}
				operations = append(operations, jsonpatch.NewOperation("add", "/"+strings.Join(names[:i+1], "/"), map[string]any{}))
			}
			at = parent[name]
		case []any:
			item, err := strconv.Atoi(name)
			if err != nil || item < 0 || item >= len(parent) {
				return operations
			}
			if parent[item] == nil {
				parent[item] = map[string]any{}
				operations = append(operations, jsonpatch.NewOperation("replace", "/"+strings.Join(names[:i+1], "/"), map[string]any{}))
			}
			at = parent[item]
		default:
			return operations
		}
	}
	return operations
}
