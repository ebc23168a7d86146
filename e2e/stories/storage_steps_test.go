package stories

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// directory is an upstream volume of a story in a directory of virtual node east.
const directory = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: %s}
spec:
  capacity: {storage: 100Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  local: {path: /srv/shop}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: kubernetes.io/hostname, operator: In, values: [east]}
`

// hasClasses gives the story a class upstream, named as its namespace is, and one
// downstream, whose provisioner runs until the story ends.
func (s *story) hasClasses() {
	s.Helper()
	s.must("make the upstream class", s.upstream.Apply(s.ctx, fmt.Sprintf(virtualClass, s.namespace)))
	s.must("make the downstream class", s.downstream.Apply(s.ctx, fmt.Sprintf(disksClass, s.namespace+"-disks")))
	s.provisions(s.namespace + "-disks")
}

// provisions makes a volume for each downstream claim of a class that the
// downstream scheduler has selected a node for.
func (s *story) provisions(class string) {
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// It ends with the story; a volume that it did not make fails the story.
		_ = playground.Eventually(ctx, "the story is over", func(ctx context.Context) error {
			list, err := s.downstream.Client().CoreV1().PersistentVolumeClaims(s.namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			for i := range list.Items {
				if err := s.provision(ctx, &list.Items[i], class); err != nil {
					return err
				}
			}
			return errors.New("not yet")
		})
	}()
	s.finally(func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

func (s *story) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim, class string) error {
	if claim.Spec.VolumeName != "" || *claim.Spec.StorageClassName != class || claim.Annotations["volume.kubernetes.io/selected-node"] == "" {
		return nil
	}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "disk-" + string(claim.UID)},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class, AccessModes: claim.Spec.AccessModes,
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")},
			ClaimRef:               &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/srv/disk"}},
		},
	}
	_, err := s.downstream.Client().CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// claimSpec asks for a volume of the story's class.
func (s *story) claimSpec() corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		StorageClassName: new(s.namespace),
		AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}
}

// kubectl is what somebody types in the story's namespace.
func (s *story) kubectl(cluster *playground.Cluster, args ...string) {
	s.Helper()
	_, _, err := cluster.Kubectl(s.ctx, "", append([]string{"-n", s.namespace}, args...)...)
	s.must("kubectl "+strings.Join(args, " "), err)
}

// claim is the story's claim in a cluster.
func (s *story) claim(cluster *playground.Cluster) *corev1.PersistentVolumeClaim {
	s.Helper()
	claim, err := cluster.Client().CoreV1().PersistentVolumeClaims(s.namespace).Get(s.ctx, "data", metav1.GetOptions{})
	s.must("get the claim "+cluster.Name(), err)
	return claim
}

// asWritten is all of the story's claim but its status, in which the controller
// manager notes by and by whether pods use it.
func (s *story) asWritten(cluster *playground.Cluster) string {
	s.Helper()
	claim := s.claim(cluster)
	claim.Status, claim.ManagedFields, claim.ResourceVersion = corev1.PersistentVolumeClaimStatus{}, nil, ""
	return toJSON(s.T, claim)
}

func (s *story) volume(cluster *playground.Cluster, name string) *corev1.PersistentVolume {
	s.Helper()
	volume, err := cluster.Client().CoreV1().PersistentVolumes().Get(s.ctx, name, metav1.GetOptions{})
	s.must("get volume "+name+" "+cluster.Name(), err)
	return volume
}

// hasCapacity waits until the upstream claim and its volume say how large it is.
func (s *story) hasCapacity(size string) {
	s.Helper()
	s.eventually("the claim has "+size, func(context.Context) error {
		claim := s.claim(s.upstream)
		volume := s.volume(s.upstream, claim.Spec.VolumeName)
		if c, v := claim.Status.Capacity.Storage().String(), volume.Spec.Capacity.Storage().String(); c != size || v != size {
			return fmt.Errorf("the claim says %s, the volume %s", c, v)
		}
		return nil
	})
}

// isTold waits for an event about an upstream object that has the reason and says
// a word.
func (s *story) isTold(object, reason, word string) {
	s.Helper()
	s.eventually(object+" is told "+reason, func(ctx context.Context) error {
		list, err := s.upstream.Client().EventsV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if e := &list.Items[i]; e.Regarding.Name == object && strings.Contains(e.Note, word) {
				return nil
			}
		}
		return fmt.Errorf("%d others are: %s", len(list.Items), toJSON(s.T, list.Items))
	})
}
