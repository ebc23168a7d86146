package webhook

import (
	"context"

	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// FirstPath is where a server answers for pods when other servers are asked about
// those to which it gives no answer.
const FirstPath = Path + "/first"

// notAnswered is the condition, in CEL, on which an API server asks the next one.
//
// An answer is marked by a UID, since nothing else is there just for the admission
// of an object: API servers remove the UID of an object that is to be created before
// they ask any webhook, and give it one of their own after they have asked all
// (rest.WipeObjectMetaSystemFields and FillObjectMetaSystemFields of k8s.io/apiserver).
// So nobody can bring the mark along, as in a copy of another pod, and nobody gets to
// keep it.
const notAnswered = "!has(object.metadata.uid)"

// answeredUID is the same in each answer, so that the second answer about a pod
// does not count as a change, upon which API servers ask others once more.
const answeredUID = "answered-by-spillway"

// first marks the pods that its handler admits.
type first struct{ admission.Handler }

// Handle answers one request.
func (f first) Handle(ctx context.Context, req admission.Request) admission.Response {
	response := f.Handler.Handle(ctx, req)
	if response.Allowed {
		response.Patches = append(response.Patches, jsonpatch.NewOperation("add", "/metadata/uid", answeredUID))
	}
	return response
}
