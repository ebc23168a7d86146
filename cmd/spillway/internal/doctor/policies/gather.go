package policies

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
	"github.com/spillway-io/spillway/webhook"
)

// defaultNamespace is where Spillway runs if no Deployment says otherwise.
const defaultNamespace = "spillway-system"

// Labels looks at the labels of all namespaces.
func Labels(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	client, err := metadata.NewForConfig(s.Upstream.Config)
	if err != nil {
		o.Hidden("labels of namespaces", err, "")
		return o
	}
	list, err := client.Resource(corev1.SchemeGroupVersion.WithResource("namespaces")).List(ctx, metav1.ListOptions{})
	if err != nil {
		o.Hidden("labels of namespaces", err, "list namespaces")
		return o
	}
	o.Add(JudgeLabels(list.Items)...)
	o.Fact("%s", finding.Number(len(list.Items), "namespace"))
	return o
}

// Check asks the webhook's judges about each policy.
func Check(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	scheme := runtime.NewScheme()
	// What the webhook says to its log is of no use here.
	ctx = logf.IntoContext(ctx, logr.Discard())
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		o.Hidden("policies", err, "")
		return o
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		o.Hidden("policies", err, "")
		return o
	}
	live, err := client.New(s.Upstream.Config, client.Options{Scheme: scheme})
	if err != nil {
		o.Hidden("policies", err, "")
		return o
	}
	own := defaultNamespace
	if webhooks := s.Component(site.ComponentWebhook); len(webhooks) > 0 {
		own = webhooks[0].Namespace
	}
	g := gatherer{live: live}
	spreads, sidecars := webhook.PolicyValidators(live, own)
	g.judge(ctx, "WorkloadSpread", "workloadspreads", spreads, &o)
	g.judge(ctx, "SidecarSet", "sidecarsets", sidecars, &o)
	return o
}

type gatherer struct{ live client.Client }

func (g gatherer) judge(ctx context.Context, kind, resource string, judge admission.Handler, o *finding.Outcome) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
	err := g.live.List(ctx, list)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		o.Fact("no %s, nor the kind", kind)
		return
	}
	if err != nil {
		o.Hidden(kind+"s", err, "list "+resource+" in all namespaces")
		return
	}
	for i := range list.Items {
		object := &list.Items[i]
		policy, err := g.ask(ctx, object, resource, judge)
		if err != nil {
			o.Hidden(fmt.Sprintf("%s %s/%s", kind, object.GetNamespace(), object.GetName()), err, "get what its spec.targetRef names")
			continue
		}
		o.Add(Judge(policy)...)
		o.Unseen = append(o.Unseen, policy.unseen()...)
	}
	o.Fact("%s", finding.Number(len(list.Items), kind))
}

// ask has the webhook's judge answer as if the object were created now.
func (g gatherer) ask(ctx context.Context, object *unstructured.Unstructured, resource string, judge admission.Handler) (Policy, error) {
	p := Policy{Kind: object.GetKind(), Resource: resource, Namespace: object.GetNamespace(), Name: object.GetName()}
	raw, err := json.Marshal(object)
	if err != nil {
		return p, fmt.Errorf("cannot encode it: %w", err)
	}
	answer := judge.Handle(ctx, admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Create, Namespace: p.Namespace, Name: p.Name,
		Resource: metav1.GroupVersionResource{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: resource},
		Object:   runtime.RawExtension{Raw: raw},
	}})
	message := ""
	if answer.Result != nil {
		message = answer.Result.Message
	}
	p.answer(answer.Allowed, message, answer.Warnings)
	p.Target, p.Missing, err = g.target(ctx, object)
	return p, err
}

// target says what the object is about, and whether that is missing.
func (g gatherer) target(ctx context.Context, object *unstructured.Unstructured) (name string, missing bool, err error) {
	// One that is malformed is empty here, and the judge says so.
	ref, _, _ := unstructured.NestedStringMap(object.Object, "spec", "targetRef")
	if ref["kind"] == "" || ref["name"] == "" {
		return "", false, nil
	}
	name = ref["kind"] + " " + ref["name"]
	workload := &unstructured.Unstructured{}
	workload.SetGroupVersionKind(schema.FromAPIVersionAndKind(ref["apiVersion"], ref["kind"]))
	err = g.live.Get(ctx, client.ObjectKey{Namespace: object.GetNamespace(), Name: ref["name"]}, workload)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return name, true, nil
	}
	return name, false, err
}
