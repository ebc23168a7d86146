// Package sidecarset describes the CustomResourceDefinition of SidecarSets.
//
// Of containers and volumes it says no more than what OpenKruise adds to them: the
// API server keeps their other fields as they are.
//
// +groupName=apps.kruise.io
// +versionName=v1alpha1
package sidecarset

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SidecarSet adds containers to the pods that it selects.
//
// +kubebuilder:resource:path=sidecarsets,singular=sidecarset,scope=Cluster,shortName=scs
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name=Matched,type=integer,JSONPath=".status.matchedPods",description="Pods that have its sidecars."
// +kubebuilder:printcolumn:name=Updated,type=integer,JSONPath=".status.updatedPods",description="Those that have its current version."
// +kubebuilder:printcolumn:name=Ready,type=integer,JSONPath=".status.readyPods",description="Those that are ready."
// +kubebuilder:printcolumn:name=Updated Ready,type=integer,priority=1,JSONPath=".status.updatedReadyPods",description="Those that are both."
// +kubebuilder:printcolumn:name=Revision,type=string,priority=1,JSONPath=".status.latestRevision",description="ControllerRevision that has its current version."
// +kubebuilder:printcolumn:name=Update,type=string,JSONPath=".spec.updateStrategy.type",description="NotUpdate: pods keep the version that they were created with."
// +kubebuilder:printcolumn:name=Paused,type=boolean,JSONPath=".spec.updateStrategy.paused",description="No more pods are updated until this is false again."
// +kubebuilder:printcolumn:name=Namespace,type=string,priority=1,JSONPath=".spec.namespace",description="The only namespace whose pods get its sidecars."
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=".metadata.creationTimestamp"
type SidecarSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.SidecarSetSpec   `json:"spec,omitempty"`
	Status v1alpha1.SidecarSetStatus `json:"status,omitempty"`
}
