package review

import (
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"
)

// null is what the decoder finds in the place of what is cut out.
const null = "null"

// Request reads an AdmissionReview of admission.k8s.io/v1. The object of the request
// shares memory with body, and may be no object of Kubernetes, but is JSON. It is not
// ok if the body is not as API servers write it; then somebody else has to say what is
// wrong with it.
func Request(body []byte) (request *admissionv1.AdmissionRequest, ok bool) {
	pod := &sought{name: "object"}
	in := &object{sought: []*sought{pod}}
	whole := &object{sought: []*sought{{name: "request", within: in}}}
	if !walk(body, whole) || whole.unclear || in.unclear || pod.at.to == 0 {
		return nil, false
	}
	var review admissionv1.AdmissionReview
	if err := kjson.UnmarshalCaseSensitivePreserveInts(cut(body, pod.at), &review); err != nil || review.Request == nil {
		return nil, false
	}
	if review.APIVersion != admissionv1.SchemeGroupVersion.String() || review.Kind != "AdmissionReview" {
		return nil, false
	}
	review.Request.Object = runtime.RawExtension{Raw: body[pod.at.from:pod.at.to]}
	return review.Request, true
}

// walk finds what is looked for in the object that a text is; it is not ok if that is
// none, or no JSON.
func walk(text []byte, in *object) (ok bool) {
	end, ok := members(text, space(text, 0), 0, in)
	return ok && space(text, end) == len(text)
}

// cut returns the text without what is at some places, which must be in their order.
func cut(text []byte, places ...span) []byte {
	without, from := make([]byte, 0, len(text)), 0
	for _, place := range places {
		without = append(append(without, text[from:place.from]...), null...)
		from = place.to
	}
	return append(without, text[from:]...)
}
