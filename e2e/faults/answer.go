package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
)

// retryAfter is what a 503 asks for, in seconds.
const retryAfter = 1

func unauthorizedStatus() metav1.Status {
	return apierrors.NewUnauthorized("Unauthorized").Status()
}

func forbiddenStatus(a asked) metav1.Status {
	return apierrors.NewForbidden(schema.GroupResource{Resource: a.resource}, "",
		fmt.Errorf("an injected fault denies the verb %q", a.verb)).Status()
}

func unavailableStatus() metav1.Status {
	status := apierrors.NewServiceUnavailable("an injected fault").Status()
	status.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfter}
	return status
}

func expiredStatus() metav1.Status {
	return apierrors.NewResourceExpired("The resourceVersion for the provided watch is too old: an injected fault").Status()
}

// answer writes a Status, in JSON, which all clients of API servers read.
func answer(w http.ResponseWriter, status metav1.Status) {
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	body, err := json.Marshal(status)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
	}
	w.WriteHeader(int(status.Code))
	_, _ = w.Write(body) // an error is a client that is gone
}

// answerExpired begins a watch and ends it, as an API server does at a resource
// version that it has forgotten.
func answerExpired(w http.ResponseWriter) {
	info, _ := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	event, err := expiredEvent(info)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	_, _ = w.Write(event) // an error is a client that is gone
}

// expiredEvent is the last event of an expired watch, framed for its stream.
func expiredEvent(info runtime.SerializerInfo) ([]byte, error) {
	status := expiredStatus()
	object, err := runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, metav1.Unversioned), &status)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the status of an expired watch: %w", err)
	}
	event, err := runtime.Encode(info.StreamSerializer, &metav1.WatchEvent{Type: string(watch.Error), Object: runtime.RawExtension{Raw: object}})
	if err != nil {
		return nil, fmt.Errorf("cannot encode the end of an expired watch: %w", err)
	}
	var framed bytes.Buffer
	if _, err := info.StreamSerializer.NewFrameWriter(&framed).Write(event); err != nil {
		return nil, fmt.Errorf("cannot frame the end of an expired watch: %w", err)
	}
	return framed.Bytes(), nil
}
