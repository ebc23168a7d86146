package pods

import (
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// refusal is what an error of a downstream create means.
type refusal int

const (
	// transient errors pass: the create is tried again, and the pod's phase is
	// never touched.
	transient refusal = iota
	// answered errors are transient too, but an API server gave a reason that
	// its readers can act on: quota, permissions, Pod Security.
	answered
	// exists says that there is a pod of that name.
	exists
	// homeless says that the namespace is missing.
	homeless
	// permanent errors are about the pod itself, which cannot change.
	permanent
)

// judge classifies the error of a downstream create. Whatever is not known to be
// permanent is transient: a pod that fails cannot be taken back.
func judge(err error) refusal {
	var status apierrors.APIStatus
	switch {
	case apierrors.IsAlreadyExists(err):
		return exists
	case isAboutThePod(err):
		return permanent
	case !errors.As(err, &status):
		return transient
	case IsHomeless(err):
		return homeless
	case isNewNamespace(err), isAboutTheServer(err):
		return transient
	default:
		return answered
	}
}

// IsHomeless says that an object could not be created because its namespace does
// not exist.
func IsHomeless(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}

// isAboutThePod says that the API server itself finds the pod wrong: a field is
// invalid, or the request cannot be read. The same codes come from policies and
// admission webhooks, which people change: a policy names no field (and answers
// 422 by default), and for a webhook the API server names it (400 by default, and
// 422 with fields from validators).
func isAboutThePod(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || strings.Contains(err.Error(), "admission webhook") {
		return false
	}
	if apierrors.IsInvalid(err) {
		details := status.Status().Details
		return details != nil && slices.ContainsFunc(details.Causes, func(c metav1.StatusCause) bool { return c.Field != "" })
	}
	return apierrors.IsBadRequest(err)
}

// isAboutTheServer says that the API server, or its etcd, is not well or has too
// much to do. If that lasts, the node is NotReady and says so; an event for each pod
// would be a storm. A webhook that it cannot reach is no such thing: it answers 500
// then, and its text names the webhook.
func isAboutTheServer(err error) bool {
	return apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		apierrors.IsInternalError(err) && !strings.Contains(err.Error(), "webhook")
}

// isNewNamespace says that the default service account is not there yet, which
// a namespace lacks for its first moments. Only the text tells.
func isNewNamespace(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "error looking up service account")
}
