package webhook

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/spread"
)

// gatherTimeout is how long a policy object waits for what is known of its
// surroundings. It leaves time to answer without that.
const gatherTimeout = 2 * time.Second

// SpreadLister returns the WorkloadSpreads of a namespace.
type SpreadLister interface {
	WorkloadSpreads(ctx context.Context, namespace string) ([]v1alpha1.WorkloadSpread, error)
}

// TemplateReader returns the pod template of a workload and the names of its
// volume claim templates. A workload that does not exist, or whose kind has no
// template, has no template and is no error.
type TemplateReader interface {
	PodTemplate(ctx context.Context, namespace string, ref v1alpha1.TargetReference) (template *corev1.PodTemplateSpec, claims []string, err error)
}

// SpreadValidator refuses WorkloadSpreads that can never work, in the way in
// which API servers refuse objects of their own. It implements
// controller-runtime's admission.Handler. What cannot be gathered leaves out
// the rules that need it, with a warning.
type SpreadValidator struct {
	// Spreads is asked for others with the same target.
	Spreads SpreadLister
	// Templates is asked for the pods that patches apply to.
	Templates TemplateReader
}

// Handle answers one request.
func (v *SpreadValidator) Handle(ctx context.Context, req admission.Request) admission.Response {
	return handlePolicy(ctx, req, workloadSpreads, func(ctx context.Context) admission.Response {
		ws, unknown, err := decodePolicy[v1alpha1.WorkloadSpread](req.Object.Raw)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		ws.Namespace = req.Namespace
		if req.Operation == admissionv1.Create {
			known, warnings := v.gather(ctx, ws)
			return answerSpread(ws, spread.Validate(ws, known), append(warnings, unknownFields(unknown)...))
		}
		old, _, err := decodePolicy[v1alpha1.WorkloadSpread](req.OldObject.Raw)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		old.Namespace = req.Namespace
		known, warnings := v.gather(ctx, ws)
		return answerSpread(ws, spread.ValidateUpdate(ws, old, known), append(warnings, unknownFields(unknown)...))
	})
}

// gather reads what Validate is to know of the cluster.
func (v *SpreadValidator) gather(ctx context.Context, ws *v1alpha1.WorkloadSpread) (known spread.Known, warnings []string) {
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	log := logf.FromContext(ctx)
	var err error
	if known.Others, err = v.Spreads.WorkloadSpreads(ctx, ws.Namespace); err != nil {
		log.Error(err, "Cannot list WorkloadSpreads, and let one through that may not be the only one of its target")
		warnings = append(warnings, NotChecked+"whether another WorkloadSpread has the same target; the log of Spillway's webhook says why")
	}
	if ws.Spec.TargetReference == nil {
		return known, warnings
	}
	if known.Template, known.Claims, err = v.Templates.PodTemplate(ctx, ws.Namespace, *ws.Spec.TargetReference); err != nil {
		log.Error(err, "Cannot read the target of a WorkloadSpread, and let its patches through")
		warnings = append(warnings, NotChecked+"whether patches fit the pods of the target; the log of Spillway's webhook says why")
	}
	return known, warnings
}

func answerSpread(ws *v1alpha1.WorkloadSpread, errs field.ErrorList, warnings []string) admission.Response {
	if len(errs) == 0 {
		warnings = append(warnings, spread.Warnings(ws)...)
	}
	return answerPolicy("WorkloadSpread", ws, errs, warnings)
}

// answerPolicy refuses an object with errors in the words of API servers.
func answerPolicy(kind string, object metav1.Object, errs field.ErrorList, warnings []string) admission.Response {
	if len(errs) == 0 {
		return admission.Allowed("").WithWarnings(warnings...)
	}
	name := object.GetName()
	if name == "" {
		name = object.GetGenerateName()
	}
	status := apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind(kind).GroupKind(), name, errs).Status()
	response := admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Result: &status}}
	return response.WithWarnings(warnings...)
}

func unknownFields(unknown []error) []string {
	if len(unknown) == 0 {
		return nil
	}
	names := make([]string, 0, len(unknown))
	for _, err := range unknown {
		names = append(names, err.Error())
	}
	return []string{fmt.Sprintf("without effect in this version of Spillway: %s", strings.Join(names, ", "))}
}
