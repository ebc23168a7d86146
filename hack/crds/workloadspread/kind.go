// Package workloadspread describes the CustomResourceDefinition of WorkloadSpreads.
//
// A column shows the first value only that its path finds; hence one for each of
// the first three subsets.
//
// +groupName=apps.kruise.io
// +versionName=v1alpha1
package workloadspread

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WorkloadSpread distributes the pods of one workload over ordered subsets:
// the first ones fill up first.
//
// +kubebuilder:resource:path=workloadspreads,singular=workloadspread,shortName=ws
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name=Kind,type=string,JSONPath=".spec.targetRef.kind",description="Kind of the workload whose pods are spread."
// +kubebuilder:printcolumn:name=Target,type=string,JSONPath=".spec.targetRef.name",description="Name of the workload whose pods are spread."
// +kubebuilder:printcolumn:name=Strategy,type=string,JSONPath=".spec.scheduleStrategy.type",description="Adaptive: pods that a subset has no room for move on to the next."
// +kubebuilder:printcolumn:name=First,type=integer,JSONPath=".status.subsetStatuses[0].replicas",description="Pods in the first subset."
// +kubebuilder:printcolumn:name=Second,type=integer,JSONPath=".status.subsetStatuses[1].replicas",description="Pods in the second subset."
// +kubebuilder:printcolumn:name=Third,type=integer,priority=1,JSONPath=".status.subsetStatuses[2].replicas",description="Pods in the third subset."
// +kubebuilder:printcolumn:name=First Subset,type=string,priority=1,JSONPath=".spec.subsets[0].name",description="Name of the first subset."
// +kubebuilder:printcolumn:name=Second Subset,type=string,priority=1,JSONPath=".spec.subsets[1].name",description="Name of the second subset."
// +kubebuilder:printcolumn:name=Third Subset,type=string,priority=1,JSONPath=".spec.subsets[2].name",description="Name of the third subset."
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=".metadata.creationTimestamp"
type WorkloadSpread struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1alpha1.WorkloadSpreadSpec   `json:"spec,omitempty"`
	Status v1alpha1.WorkloadSpreadStatus `json:"status,omitempty"`
}
