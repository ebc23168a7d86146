package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// SidecarSurroundings is what a SidecarSet is judged by.
type SidecarSurroundings interface {
	// SidecarSets returns all that there are.
	SidecarSets(ctx context.Context) ([]v1alpha1.SidecarSet, error)
	// Whitelist returns which annotations sets may write, and what is wrong with how
	// administrators said it.
	Whitelist(ctx context.Context) (whitelist sidecar.Whitelist, warnings []string, err error)
	// Revisions returns the ControllerRevisions of the set of that name.
	Revisions(ctx context.Context, set string) ([]*appsv1.ControllerRevision, error)
}

// SidecarSetValidator refuses SidecarSets that can never work, or that this
// version of Spillway would understand by half, in the way in which API servers
// refuse objects of their own. It implements controller-runtime's
// admission.Handler. What cannot be gathered leaves out the rules that need it,
// with a warning.
type SidecarSetValidator struct {
	Known SidecarSurroundings
}

// Handle answers one request.
func (v *SidecarSetValidator) Handle(ctx context.Context, req admission.Request) admission.Response {
	return handlePolicy(ctx, req, sidecarSets, func(ctx context.Context) admission.Response {
		set, unknown, err := decodePolicy[v1alpha1.SidecarSet](req.Object.Raw)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		// Where somebody serves no defaults, those of the injector count.
		set = sidecar.Default(set)
		if req.Operation == admissionv1.Create {
			return v.answer(ctx, set, nil, append(unknownIn(unknown), sidecar.Validate(set)...))
		}
		old, oldUnknown, err := decodePolicy[v1alpha1.SidecarSet](req.OldObject.Raw)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		old = sidecar.Default(old)
		refused := unknownIn(unknown)
		// Types do not hold what they do not know, and cannot tell that it changed.
		isNewer := set.DeletionTimestamp == nil && !slices.EqualFunc(refused, unknownIn(oldUnknown), func(a, b *field.Error) bool { return a.Field == b.Field })
		if !isNewer && !sidecar.IsChanged(set, old) {
			return admission.Allowed("")
		}
		return v.answer(ctx, set, old, append(refused, sidecar.ValidateUpdate(set, old)...))
	})
}

// answer adds to errs what the surroundings of the set say.
func (v *SidecarSetValidator) answer(ctx context.Context, set, old *v1alpha1.SidecarSet, errs field.ErrorList) admission.Response {
	around, warnings := v.judgeAround(ctx, set)
	errs = append(errs, around...)
	if len(errs) == 0 {
		warnings = append(warnings, sidecar.Warnings(set, old)...)
	}
	return answerPolicy("SidecarSet", set, errs, warnings)
}

// judgeAround applies the rules that need to know of the cluster.
func (v *SidecarSetValidator) judgeAround(ctx context.Context, set *v1alpha1.SidecarSet) (errs field.ErrorList, warnings []string) {
	ctx, cancel := context.WithTimeout(ctx, gatherTimeout)
	defer cancel()
	notChecked := func(rule string, err error) {
		logf.FromContext(ctx).Error(err, "Cannot judge a SidecarSet by all rules, and let it through without", "rule", rule)
		warnings = append(warnings, fmt.Sprintf(NotChecked+"%s; the log of Spillway's webhook says why", rule))
	}
	if others, err := v.Known.SidecarSets(ctx); err != nil {
		notChecked("whether another SidecarSet injects the same into the same pods", err)
	} else {
		errs = append(errs, sidecar.Conflicts(set, others)...)
	}
	if len(set.Spec.PatchPodMetadata) > 0 {
		whitelist, malformed, err := v.Known.Whitelist(ctx)
		if err != nil {
			notChecked("whether the set may write its annotations", err)
		} else {
			errs = append(errs, whitelist.Validate(set)...)
			warnings = append(warnings, malformed...)
		}
	}
	if set.Spec.InjectionStrategy.Revision != nil {
		if revisions, err := v.Known.Revisions(ctx, set.Name); err != nil {
			notChecked("whether there is the revision to inject", err)
		} else {
			errs = append(errs, sidecar.ValidatePinned(set, revisions)...)
		}
	}
	return errs, warnings
}

// unknownIn refuses fields of the spec that this version does not know, as the
// set would be injected without them. They get here because the schema keeps
// what is in containers and volumes.
func unknownIn(unknown []error) field.ErrorList {
	var errs field.ErrorList
	for _, err := range unknown {
		at, ok := errors.AsType[kjson.FieldError](err)
		if !ok || !strings.HasPrefix(at.FieldPath(), "spec.") {
			continue
		}
		errs = append(errs, &field.Error{
			Type: field.ErrorTypeForbidden, Field: at.FieldPath(), BadValue: "",
			Detail: "this version of Spillway does not know the field, and injects no set that it does not understand as a whole; remove it",
		})
	}
	return errs
}
