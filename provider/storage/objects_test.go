package storage

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
)

const wantCarried = `
metadata:
  annotations: {spillway.io/upstream-uid: disk-1}
  labels: {spillway.io/upstream: cluster, spillway.io/virtual-node: east}
  name: NAME
spec:
  capacity: {storage: 100Gi}
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, name: data, namespace: up-shop}
  local: {path: /data}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: kubernetes.io/hostname, operator: In, values: [metal]}
  persistentVolumeReclaimPolicy: Retain
status: {}
`

const wantClaim = `
metadata:
  annotations: {spillway.io/upstream-uid: "1"}
  labels: {app: shop, spillway.io/upstream: cluster, spillway.io/virtual-node: east}
  name: data
  namespace: up-shop
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
  storageClassName: ""
  volumeName: NAME
status: {}
`

const wantProvisioned = `
metadata:
  annotations: {pv.kubernetes.io/provisioned-by: spillway.io/virtual-node}
  name: pvc-1
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, name: data, namespace: shop, uid: "1"}
  csi: {driver: virtual-node.spillway.io, volumeHandle: east/up-shop/data}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions:
        - {key: kubernetes.io/hostname, operator: In, values: [east]}
  persistentVolumeReclaimPolicy: Retain
  storageClassName: virtual
status: {}
`

// TestObjects shows whole what is created in either cluster. Of the upstream claim
// only what its author wrote goes downstream, and no annotation.
func TestObjects(t *testing.T) {
	upstream := claim(selected("east"))
	cases := map[string]struct {
		got  any
		want string
	}{
		"the copy of a volume":       {copied(), wantCarried},
		"the claim of the copy":      {downstreamClaim(upstream, nil, copyName("disk", east()), east()), wantClaim},
		"what stands for a claim":    {provisioned(upstream, class(), east()), wantProvisioned},
		"the claim it stands for":    {downstreamClaim(upstream, new("fast"), "", east()), strings.NewReplacer("  volumeName: NAME\n", "", `storageClassName: ""`, "storageClassName: fast").Replace(wantClaim)},
		"a claim of the default one": {downstreamClaim(upstream, nil, "", east()), strings.NewReplacer("  volumeName: NAME\n", "", "  storageClassName: \"\"\n", "").Replace(wantClaim)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var want any
			if err := yaml.Unmarshal([]byte(strings.ReplaceAll(c.want, "NAME", copyName("disk", east()))), &want); err != nil {
				t.Fatal(err)
			}
			text, err := yaml.Marshal(c.got)
			if err != nil {
				t.Fatal(err)
			}
			var got any
			if err := yaml.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCopyName(t *testing.T) {
	other, node := east(), east()
	other.UpstreamID, node.Node.Name = "other", "west"
	long := strings.Repeat("a", 199) + "." + strings.Repeat("b", 53)
	seen := map[string]bool{}
	for _, name := range []string{
		copyName("disk", east()), copyName("disk", other), copyName("disk", node), copyName("disc", east()),
		copyName(long, east()), copyName(long[:252], east()),
	} {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 || seen[name] {
			t.Errorf("%q is taken or no name: %v", name, problems)
		}
		seen[name] = true
	}
}

func TestDownstreamClass(t *testing.T) {
	cases := map[string]struct {
		class *storagev1.StorageClass
		want  *string
	}{
		"the class says": {class(func(c *storagev1.StorageClass) {
			c.Name, c.Parameters = "mapped", map[string]string{api.StorageClassParameter: "slow"}
		}), new("slow")},
		"the mapping says": {class(func(c *storagev1.StorageClass) { c.Name = "mapped" }), new("fast")},
		"nobody says":      {class(), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, downstreamClass(c.class, east())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTypeOf(t *testing.T) {
	cases := map[string]corev1.PersistentVolumeSource{
		"iscsi":                        {ISCSI: &corev1.ISCSIPersistentVolumeSource{}},
		"awsElasticBlockStore":         {AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{}},
		"csi with driver disk.example": {CSI: &corev1.CSIPersistentVolumeSource{Driver: "disk.example"}},
		"unknown":                      {},
	}
	for want, volume := range cases {
		if got := typeOf(&corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: volume}}); got != want {
			t.Errorf("typeOf is %q, want %q", got, want)
		}
	}
}
