package stories

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// A class of each cluster for one story; the downstream one's volumes are always
// of 5 GiB. Its provisioner is the story's own.
const (
	virtualClass = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: %[1]s}
provisioner: spillway.io/virtual-node
parameters: {downstreamStorageClass: %[1]s-disks}
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
`
	disksClass = `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: %[1]s}
provisioner: disks.example/%[1]s
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
`
	shopWithClaim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, labels: {app: shop}}
spec:
  storageClassName: %q
  volumeName: %q
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: Pod
metadata: {name: shop, labels: {virtual-pod: "true"}}
spec:
  terminationGracePeriodSeconds: 1
  nodeSelector: {clusterID: east}
  containers:
  - {name: app, image: "shop:1", volumeMounts: [{name: data, mountPath: /data}]}
  volumes:
  - {name: data, persistentVolumeClaim: {claimName: data}}
`
)

// TestStorageProvisioned: a claim of a class of ours becomes a claim of the class
// that it names downstream, and upstream claim and volume look as they would if the
// volume were there; so they do after it was expanded.
func TestStorageProvisioned(t *testing.T) {
	s := tell(t, nil)
	s.hasClasses()
	s.applies(fmt.Sprintf(shopWithClaim, s.namespace, ""))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))

	below := s.claim(s.downstream)
	if below.Status.Phase != corev1.ClaimBound || *below.Spec.StorageClassName != s.namespace+"-disks" || below.Labels["app"] != "shop" {
		t.Errorf("the downstream claim is %s", toJSON(t, below))
	}
	s.hasCapacity("5Gi")
	claim := s.claim(s.upstream)
	volume := s.volume(s.upstream, "pvc-"+string(claim.UID))
	if claim.Spec.VolumeName != volume.Name || volume.Status.Phase != corev1.VolumeBound || volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		t.Errorf("upstream, the claim is bound to %q, and the volume is %s", claim.Spec.VolumeName, toJSON(t, volume))
	}
	s.tellsOnce("VolumeRetained")
	unbound, err := s.upstream.Client().EventsV1().Events(s.namespace).List(s.ctx, metav1.ListOptions{FieldSelector: "reason=VolumeNotBound"})
	s.must("list the events", err)
	if len(unbound.Items) != 0 {
		t.Errorf("somebody was told that the volume of a scheduled pod is missing: %s", toJSON(t, unbound.Items))
	}
	attachments, err := s.upstream.Client().StorageV1().VolumeAttachments().List(s.ctx, metav1.ListOptions{})
	s.must("list the attachments", err)
	if len(attachments.Items) != 0 {
		t.Errorf("somebody attaches volumes to a virtual node: %s", toJSON(t, attachments.Items))
	}

	s.kubectl(s.upstream, "patch", "pvc", "data", "-p", `{"spec":{"resources":{"requests":{"storage":"8Gi"}}}}`)
	s.eventually("the downstream claim asks for more", func(context.Context) error {
		if asks := s.claim(s.downstream).Spec.Resources.Requests.Storage().String(); asks != "8Gi" {
			return fmt.Errorf("it asks for %s", asks)
		}
		return nil
	})
	s.kubectl(s.downstream, "patch", "pvc", "data", "--subresource=status", "-p", `{"status":{"capacity":{"storage":"8Gi"}}}`)
	s.hasCapacity("8Gi")
}

// TestStorageOutlivesItsClaim: with the upstream claim goes neither the downstream
// claim nor its volume; a new claim of that name does not get their data, unless
// its owner binds it to the volume that stands for them.
func TestStorageOutlivesItsClaim(t *testing.T) {
	s := tell(t, nil)
	s.hasClasses()
	s.applies(fmt.Sprintf(shopWithClaim, s.namespace, ""))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	s.hasCapacity("5Gi")
	volume, before := s.claim(s.upstream).Spec.VolumeName, s.asWritten(s.downstream)
	again := func() {
		t.Helper()
		s.kubectl(s.upstream, "delete", "pod/shop", "pvc/data")
	}

	again()
	s.tellsOnce("DownstreamClaimKept")
	s.applies(fmt.Sprintf(shopWithClaim, s.namespace, ""))
	s.isTold("data", "DownstreamHoldsEarlierData", volume)
	if pod := s.pod(s.upstream, "shop"); pod.Spec.NodeName != "" {
		t.Errorf("without a volume the pod is on %s", pod.Spec.NodeName)
	}

	again()
	s.eventually("the volume is released", func(context.Context) error {
		if phase := s.volume(s.upstream, volume).Status.Phase; phase != corev1.VolumeReleased {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	s.kubectl(s.upstream, "patch", "pv", volume, "-p", `{"spec":{"claimRef":null}}`)
	s.applies(fmt.Sprintf(shopWithClaim, s.namespace, volume))
	s.must("see the pod run with the earlier data", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	if after := s.asWritten(s.downstream); after != before {
		t.Errorf("the downstream claim has changed:\n%s\n%s", before, after)
	}
}

// TestStorageEphemeral: a generic ephemeral volume is made downstream by the
// downstream cluster; what stands for it upstream goes with its pod.
func TestStorageEphemeral(t *testing.T) {
	s := tell(t, nil)
	s.must("make the upstream class", s.upstream.Apply(s.ctx, fmt.Sprintf(virtualClass, s.namespace)))
	s.must("make the downstream class", s.downstream.Apply(s.ctx, fmt.Sprintf(disksClass, s.namespace)))
	s.provisions(s.namespace)
	pod := newPod("shop")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
	pod.Spec.TerminationGracePeriodSeconds = new(int64(1))
	pod.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
		VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: s.claimSpec()},
	}}}}
	s.applies(manifest(t, pod))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	claims, err := s.upstream.Client().CoreV1().PersistentVolumeClaims(s.namespace).List(s.ctx, metav1.ListOptions{})
	s.must("list the claims", err)
	if len(claims.Items) != 1 || claims.Items[0].Status.Phase != corev1.ClaimBound {
		t.Errorf("upstream there are the claims %s", toJSON(t, claims.Items))
	}
	if below, err := s.downstream.Client().CoreV1().PersistentVolumeClaims(s.namespace).Get(s.ctx, "shop-scratch", metav1.GetOptions{}); err != nil || below.Labels[api.UpstreamLabel] != "" {
		t.Errorf("the downstream claim is ours (%v): %s", err, toJSON(t, below))
	}

	s.kubectl(s.upstream, "delete", "pod", "shop")
	s.eventually("nothing stands for it any more", func(ctx context.Context) error {
		volumes, err := s.upstream.Client().CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range volumes.Items {
			if volumes.Items[i].Spec.StorageClassName == s.namespace {
				return fmt.Errorf("volume %s is %s", volumes.Items[i].Name, volumes.Items[i].Status.Phase)
			}
		}
		return nil
	})
}

// TestStorageInDirectory: a directory of the virtual node is one of the downstream
// node that the volume's owner names, as long as nobody has named one the pod
// waits, and a pod that is created anew finds the same.
func TestStorageInDirectory(t *testing.T) {
	s := tell(t, nil)
	s.must("make the volume", s.upstream.Apply(s.ctx, fmt.Sprintf(directory, s.namespace)))
	s.applies(fmt.Sprintf(shopWithClaim, "", s.namespace))
	s.isTold("shop", "VolumeUnplaced", "has 10")

	s.kubectl(s.upstream, "annotate", "pv", s.namespace, api.DownstreamNodeAnnotation+"=hdd-b")
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	if node := s.pod(s.downstream, "shop").Spec.NodeName; node != "hdd-b" {
		t.Errorf("it runs on %s", node)
	}
	below := s.claim(s.downstream)
	copied := s.volume(s.downstream, below.Spec.VolumeName)
	if copied.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain || copied.Spec.Local == nil || copied.Spec.Local.Path != "/srv/shop" {
		t.Errorf("the copy of the volume is %s", toJSON(t, copied))
	}

	s.kubectl(s.upstream, "delete", "pod/shop", "pvc/data")
	s.eventually("the volume is released", func(context.Context) error {
		if phase := s.volume(s.upstream, s.namespace).Status.Phase; phase != corev1.VolumeReleased {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	s.kubectl(s.upstream, "patch", "pv", s.namespace, "-p", `{"spec":{"claimRef":null}}`)
	s.applies(fmt.Sprintf(shopWithClaim, "", s.namespace))
	s.must("see the next pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))
	if again := s.claim(s.downstream); again.UID != below.UID || again.Spec.VolumeName != copied.Name {
		t.Errorf("it has claim %s and volume %s, not %s and %s", again.UID, again.Spec.VolumeName, below.UID, copied.Name)
	}
}

// TestForeignClaimStaysUntouched: a downstream claim of that name which is not ours
// keeps every byte, and the events say why claim and pod wait.
func TestForeignClaimStaysUntouched(t *testing.T) {
	s := tell(t, nil)
	s.hasClasses()
	s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
	foreign := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: s.claimSpec()}
	foreign.Spec.StorageClassName = new("")
	_, err := s.downstream.Client().CoreV1().PersistentVolumeClaims(s.namespace).Create(s.ctx, foreign, metav1.CreateOptions{})
	s.must("create the foreign claim", err)
	s.eventually("the foreign claim is pending", func(context.Context) error {
		if phase := s.claim(s.downstream).Status.Phase; phase != corev1.ClaimPending {
			return fmt.Errorf("it is %q", phase)
		}
		return nil
	})
	before := s.asWritten(s.downstream)

	s.applies(fmt.Sprintf(shopWithClaim, s.namespace, ""))
	s.isTold("data", "DownstreamConflict", s.namespace+"/data")
	s.kubectl(s.upstream, "delete", "pod/shop", "pvc/data")

	s.must("make the volume", s.upstream.Apply(s.ctx, fmt.Sprintf(directory, s.namespace)))
	s.applies(fmt.Sprintf(shopWithClaim, "", s.namespace))
	s.isTold("shop", "DownstreamConflict", s.namespace+"/data")
	s.kubectl(s.upstream, "delete", "pod/shop", "pvc/data")
	if after := s.asWritten(s.downstream); after != before {
		t.Errorf("the foreign claim changed:\n%s\n%s", before, after)
	}
}
