package review

import (
	"bytes"

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
	within, ok := find(body, span{0, len(body)}, "request")
	if !ok || within["request"].to == 0 {
		return nil, false
	}
	at, ok := find(body, within["request"], "object")
	if !ok || at["object"].to == 0 {
		return nil, false
	}
	object := at["object"]
	var review admissionv1.AdmissionReview
	if err := kjson.UnmarshalCaseSensitivePreserveInts(cut(body, object), &review); err != nil || review.Request == nil {
		return nil, false
	}
	if review.APIVersion != admissionv1.SchemeGroupVersion.String() || review.Kind != "AdmissionReview" {
		return nil, false
	}
	review.Request.Object = runtime.RawExtension{Raw: body[object.from:object.to]}
	return review.Request, true
}

// find returns where the members of these names are in the object at a place; it is
// not ok if that is none, or if a name is there twice, or could be, with escapes.
func find(text []byte, object span, names ...string) (at map[string]span, ok bool) {
	at, unclear := make(map[string]span, len(names)), false
	from := space(text[:object.to], object.from)
	end, ok := members(text[:object.to], from, 0, func(name []byte, value span) {
		for _, wanted := range names {
			if string(name) == wanted {
				unclear = unclear || at[wanted].to > 0
				at[wanted] = value
			}
		}
		unclear = unclear || bytes.IndexByte(name, '\\') >= 0
	})
	return at, ok && !unclear && space(text[:object.to], end) == object.to
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
