package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/review"
)

// PodServer answers AdmissionReviews of pods over HTTP. It reads them itself where they
// are as API servers write them, and no further than they are needed; everything else it
// leaves to controller-runtime, and so what is said of it.
type PodServer struct {
	webhook *admission.Webhook
}

// NewPodServer has a handler answer; withContext, if it is not nil, gives it a context
// made from the request's.
func NewPodServer(handler admission.Handler, withContext func(context.Context, *http.Request) context.Context) PodServer {
	return PodServer{&admission.Webhook{Handler: encoding{handler}, WithContextFunc: withContext, LogConstructor: plainLogger}}
}

// plainLogger leaves what the request is about to those who do log, which is nearly
// never: a logger encodes it whether or not.
func plainLogger(base logr.Logger, _ *admission.Request) logr.Logger { return base }

// maxReview is how large a review may be; controller-runtime says so of larger ones.
const maxReview = 7 << 20

// ServeHTTP answers one request.
func (s PodServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody || r.Header.Get("Content-Type") != "application/json" {
		s.webhook.ServeHTTP(w, r)
		return
	}
	body, err := readBody(r)
	request, ok := review.Request(body)
	if err != nil || !ok || len(body) >= maxReview {
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		s.webhook.ServeHTTP(w, r)
		return
	}
	ctx := r.Context()
	if s.webhook.WithContextFunc != nil {
		ctx = s.webhook.WithContextFunc(ctx, r)
	}
	response := s.webhook.Handle(ctx, admission.Request{AdmissionRequest: *request})
	// What is written is a plain value, and a client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Response: &response.AdmissionResponse,
	})
}

// readBody takes a body that has been read already as it is.
func readBody(r *http.Request) ([]byte, error) {
	if body, isRead := r.Body.(interface{ Bytes() []byte }); isRead {
		return body.Bytes(), nil
	}
	return io.ReadAll(io.LimitReader(r.Body, maxReview))
}

// failing is the end of a body: the error with which it ended, if there was one.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
