package offline

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/google/uuid"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
)

// recipe is what a workload's controller adds to the template when it makes a
// pod of it, as in Kubernetes 1.37.
type recipe struct {
	// controller is the pod's owner.
	controller metav1.OwnerReference
	// generateName is the beginning of the pods' names.
	generateName string
	// limit is how many pods there can be; 0 if any number.
	limit int
	// claims are the templates of the pods' own claims.
	claims []corev1.PersistentVolumeClaim
	// finish does the rest for the i-th pod, from 0.
	finish func(pod *corev1.Pod, i int)
}

// deployment makes pods the way of the ReplicaSet that it creates.
func deployment(d *appsv1.Deployment) recipe {
	hash := templateHash(&d.Spec.Template)
	rs := metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name + "-" + hash}
	return recipe{
		controller:   controlledBy(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), &rs),
		generateName: rs.Name + "-",
		finish: func(pod *corev1.Pod, _ int) {
			setLabel(pod, appsv1.DefaultDeploymentUniqueLabelKey, hash)
		},
	}
}

// under makes pods the way of a ReplicaSet that the Deployment created before.
func (r recipe) under(rs *unstructured.Unstructured) recipe {
	meta := metav1.ObjectMeta{Namespace: rs.GetNamespace(), Name: rs.GetName(), UID: rs.GetUID()}
	r.controller = controlledBy(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), &meta)
	r.generateName = rs.GetName() + "-"
	r.finish = func(pod *corev1.Pod, _ int) { setLabel(pod, appsv1.DefaultDeploymentUniqueLabelKey, hashOf(rs)) }
	return r
}

func replicaSet(rs *appsv1.ReplicaSet) recipe {
	return recipe{
		controller:   controlledBy(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), &rs.ObjectMeta),
		generateName: rs.Name + "-",
		finish:       func(*corev1.Pod, int) {},
	}
}

// daemonSet chooses no node, and so leaves out the affinity and the tolerations
// by which the controller pins each pod to its node.
func daemonSet(ds *appsv1.DaemonSet) recipe {
	return recipe{
		controller:   controlledBy(appsv1.SchemeGroupVersion.WithKind("DaemonSet"), &ds.ObjectMeta),
		generateName: ds.Name + "-",
		finish: func(pod *corev1.Pod, _ int) {
			setLabel(pod, appsv1.DefaultDaemonSetUniqueLabelKey, templateHash(&ds.Spec.Template))
			setLabel(pod, "pod-template-generation", "1")
		},
	}
}

func statefulSet(set *appsv1.StatefulSet) recipe {
	start := 0
	if set.Spec.Ordinals != nil {
		start = int(set.Spec.Ordinals.Start)
	}
	return recipe{
		controller:   controlledBy(appsv1.SchemeGroupVersion.WithKind("StatefulSet"), &set.ObjectMeta),
		generateName: set.Name + "-",
		claims:       set.Spec.VolumeClaimTemplates,
		finish: func(pod *corev1.Pod, i int) {
			number(pod, set, start+i)
		},
	}
}

// number makes the pod the one of an ordinal.
func number(pod *corev1.Pod, set *appsv1.StatefulSet, ordinal int) {
	pod.Name = set.Name + "-" + strconv.Itoa(ordinal)
	setLabel(pod, appsv1.StatefulSetPodNameLabel, pod.Name)
	setLabel(pod, appsv1.PodIndexLabel, strconv.Itoa(ordinal))
	setLabel(pod, appsv1.StatefulSetRevisionLabel, set.Name+"-"+templateHash(&set.Spec.Template))
	pod.Spec.Hostname = pod.Name
	pod.Spec.Subdomain = set.Spec.ServiceName
	pod.Spec.Volumes = claimedVolumes(set.Spec.VolumeClaimTemplates, pod)
}

// claimedVolumes puts the pod's own claims before the volumes of the template,
// whose names they take.
func claimedVolumes(claims []corev1.PersistentVolumeClaim, pod *corev1.Pod) []corev1.Volume {
	var volumes []corev1.Volume
	for i := range claims {
		source := &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claims[i].Name + "-" + pod.Name}
		volumes = append(volumes, corev1.Volume{
			Name:         claims[i].Name,
			VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: source},
		})
	}
	for _, volume := range pod.Spec.Volumes {
		if !slices.ContainsFunc(volumes, func(v corev1.Volume) bool { return v.Name == volume.Name }) {
			volumes = append(volumes, volume)
		}
	}
	return volumes
}

// controlledBy returns the reference to an owner that is the controller.
func controlledBy(kind schema.GroupVersionKind, owner *metav1.ObjectMeta) metav1.OwnerReference {
	referenced := *owner
	if referenced.UID == "" {
		referenced.UID = inventUID(kind.Kind, owner.Namespace, owner.Name)
	}
	return *metav1.NewControllerRef(&referenced, kind)
}

// inventUID returns the UID of an object that the input gives none.
func inventUID(kind, namespace, name string) types.UID {
	return types.UID(uuid.NewSHA1(uuid.NameSpaceURL, []byte(kind+"/"+namespace+"/"+name)).String())
}

// templateHash stands in for the hash that controllers make of a template after
// the API server has set its defaults, which are unknown here.
func templateHash(template *corev1.PodTemplateSpec) string {
	hash := fnv.New32a()
	// Neither a hash nor the encoding of a decoded template fails.
	_ = json.NewEncoder(hash).Encode(template)
	return rand.SafeEncodeString(fmt.Sprint(hash.Sum32()))
}

func setLabel(pod *corev1.Pod, key, value string) {
	if pod.Labels == nil {
		pod.Labels = make(map[string]string, 1)
	}
	pod.Labels[key] = value
}
