package sidecar_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

func TestDefault(t *testing.T) {
	const (
		head   = "spec:\n  revisionHistoryLimit: 10\n  updateStrategy: {type: RollingUpdate, partition: 0, maxUnavailable: 1}\n  "
		before = "podInjectPolicy: BeforeAppContainer, upgradeStrategy: {upgradeType: ColdUpgrade}, shareVolumePolicy: {type: disabled}, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File"
		fixed  = before + ", imagePullPolicy: IfNotPresent"
	)
	sidecarOf := func(fields string) string { return "spec: {containers: [{name: a, image: 'a:1'" + fields + "}]}" }
	defaulted := func(fields string) string {
		return head + "containers: [{name: a, image: 'a:1', " + fixed + fields + "}]"
	}
	cases := map[string]struct{ reason, set, want string }{
		"nothing":    {"a set of nothing", "{}", head},
		"not-update": {"as Kruise: whatever the type", "spec: {updateStrategy: {type: NotUpdate}}", strings.Replace(head, "RollingUpdate", "NotUpdate", 1)},
		"container":  {"sidecars start first", sidecarOf(""), defaulted("")},
		"init": {
			"after the pod's own, native or not", "spec: {initContainers: [{name: a, image: 'a:1'}, {name: b, image: 'b:1', restartPolicy: Always}]}",
			head + "initContainers: [{name: a, image: 'a:1', " + strings.Replace(fixed, "Before", "After", 1) + "}, {name: b, image: 'b:1', restartPolicy: Always, " + strings.Replace(fixed, "Before", "After", 1) + "}]",
		},
		"ports":     {"TCP", sidecarOf(", ports: [{containerPort: 1}, {containerPort: 1, protocol: UDP}]"), defaulted(", ports: [{containerPort: 1, protocol: TCP}, {containerPort: 1, protocol: UDP}]")},
		"field-ref": {"of v1", sidecarOf(", env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: B, value: b}, {name: C, valueFrom: {}}]"), defaulted(", env: [{name: A, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}, {name: B, value: b}, {name: C, valueFrom: {}}]")},
		"transfer":  {"of v1", sidecarOf(", transferEnv: [{sourceContainerNameFrom: {fieldRef: {fieldPath: a}}}, {sourceContainerNameFrom: {}}, {}]"), defaulted(", transferEnv: [{sourceContainerNameFrom: {fieldRef: {apiVersion: v1, fieldPath: a}}}, {sourceContainerNameFrom: {}}, {}]")},
		"probes": {
			"Kruise leaves out startup probes", sidecarOf(", livenessProbe: {httpGet: {port: 1}}, readinessProbe: {exec: {command: [a]}, periodSeconds: 3}, startupProbe: {httpGet: {port: 1}}"),
			defaulted(", livenessProbe: {httpGet: {port: 1, path: /, scheme: HTTP}, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3}, readinessProbe: {exec: {command: [a]}, timeoutSeconds: 1, periodSeconds: 3, successThreshold: 1, failureThreshold: 3}, startupProbe: {httpGet: {port: 1}}"),
		},
		"hooks":     {"HTTP", sidecarOf(", lifecycle: {postStart: {httpGet: {port: 1}}, preStop: {exec: {command: [a]}}}"), defaulted(", lifecycle: {postStart: {httpGet: {port: 1, path: /, scheme: HTTP}}, preStop: {exec: {command: [a]}}}")},
		"resources": {"no digits that Kubernetes drops; requests follow in the pod", sidecarOf(", resources: {limits: {cpu: 100u}}"), defaulted(", resources: {limits: {cpu: 1m}}")},
		"volumes": {
			"as in a pod",
			"spec: {volumes: [{name: a}, {name: b, secret: {secretName: s}}, {name: c, configMap: {name: s, defaultMode: 256}}, {name: d, hostPath: {path: /}}, {name: e, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: b}}]}}, {name: f, projected: {sources: [{serviceAccountToken: {path: a}}, {downwardAPI: {items: [{path: a, fieldRef: {fieldPath: b}}]}}]}}, {name: g, iscsi: {targetPortal: a, iqn: b, lun: 1}}, {name: h, rbd: {monitors: [a], image: b}}, {name: i, azureDisk: {diskName: a, diskURI: b}}, {name: j, scaleIO: {gateway: a, system: b, secretRef: null}}, {name: k, ephemeral: {volumeClaimTemplate: {spec: {}}}}, {name: l, image: {reference: a}}]}",
			head + "volumes: [{name: a, emptyDir: {}}, {name: b, secret: {secretName: s, defaultMode: 420}}, {name: c, configMap: {name: s, defaultMode: 256}}, {name: d, hostPath: {path: /, type: ''}}, {name: e, downwardAPI: {defaultMode: 420, items: [{path: a, fieldRef: {apiVersion: v1, fieldPath: b}}]}}, {name: f, projected: {defaultMode: 420, sources: [{serviceAccountToken: {path: a, expirationSeconds: 3600}}, {downwardAPI: {items: [{path: a, fieldRef: {apiVersion: v1, fieldPath: b}}]}}]}}, {name: g, iscsi: {targetPortal: a, iqn: b, lun: 1, iscsiInterface: default}}, {name: h, rbd: {monitors: [a], image: b, pool: rbd, user: admin, keyring: /etc/ceph/keyring}}, {name: i, azureDisk: {diskName: a, diskURI: b, cachingMode: ReadWrite, fsType: ext4, readOnly: false, kind: Shared}}, {name: j, scaleIO: {gateway: a, system: b, secretRef: null, storageMode: ThinProvisioned, fsType: xfs}}, {name: k, ephemeral: {volumeClaimTemplate: {spec: {volumeMode: Filesystem}}}}, {name: l, image: {reference: a, pullPolicy: Always}}]",
		},
		"metadata": {"what is there stays", "spec: {patchPodMetadata: [{annotations: {a: b}}, {patchPolicy: Overwrite}]}", head + "patchPodMetadata: [{annotations: {a: b}, patchPolicy: Retain}, {patchPolicy: Overwrite}]"},
		"revision": {"for all pods", "spec: {injectionStrategy: {revision: {revisionName: a}}}", head + "injectionStrategy: {revision: {revisionName: a, policy: Always}}"},
		"given": {
			"what is said is said",
			"spec: {revisionHistoryLimit: 0, updateStrategy: {partition: 50%, maxUnavailable: 0}, containers: [{name: a, image: a, podInjectPolicy: AfterAppContainer, upgradeStrategy: {upgradeType: HotUpgrade}, shareVolumePolicy: {type: enabled}, imagePullPolicy: Never, terminationMessagePath: /a, terminationMessagePolicy: FallbackToLogsOnError}]}",
			"spec: {revisionHistoryLimit: 0, updateStrategy: {type: RollingUpdate, partition: 50%, maxUnavailable: 0}, containers: [{name: a, image: a, podInjectPolicy: AfterAppContainer, upgradeStrategy: {upgradeType: HotUpgrade}, shareVolumePolicy: {type: enabled}, imagePullPolicy: Never, terminationMessagePath: /a, terminationMessagePolicy: FallbackToLogsOnError}]}",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := parse(t, tc.set)
			before := set.DeepCopy()
			got := sidecar.Default(set)
			if diff := cmp.Diff(parse(t, tc.want), got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, set); diff != "" {
				t.Errorf("the input was modified: -before +after:\n%s", diff)
			}
			if diff := cmp.Diff(got, sidecar.Default(got)); diff != "" {
				t.Errorf("defaulting twice: -once +twice:\n%s", diff)
			}
		})
	}
}

// TestDefaultPullPolicy: the one default that a new image changes, and with it
// what running pods can follow.
func TestDefaultPullPolicy(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for image, want := range map[string]corev1.PullPolicy{
		"agent":                                corev1.PullAlways,
		"agent:latest":                         corev1.PullAlways,
		"agent:v1":                             corev1.PullIfNotPresent,
		"agent:latest-1":                       corev1.PullIfNotPresent,
		"registry:5000/logs/agent":             corev1.PullAlways,
		"registry:5000/logs/agent:v1":          corev1.PullIfNotPresent,
		"registry:5000/logs/agent:latest":      corev1.PullAlways,
		"agent" + digest:                       corev1.PullIfNotPresent,
		"agent:v1" + digest:                    corev1.PullIfNotPresent,
		"agent:latest" + digest:                corev1.PullAlways,
		"registry:5000/logs/agent:v1" + digest: corev1.PullIfNotPresent,
		"":                                     corev1.PullIfNotPresent,
	} {
		set := &v1alpha1.SidecarSet{}
		set.Spec.Containers = []v1alpha1.SidecarContainer{{Container: corev1.Container{Image: image}}}
		if got := sidecar.Default(set).Spec.Containers[0].ImagePullPolicy; got != want {
			t.Errorf("image %q: %s, want %s", image, got, want)
		}
	}
}

// TestDefaultUpdate: a new tag changes the image and nothing else, so that running
// pods can follow.
func TestDefaultUpdate(t *testing.T) {
	set := func(name, image, policy string) *v1alpha1.SidecarSet {
		return parse(t, "spec: {containers: [{name: "+name+", image: '"+image+"', imagePullPolicy: '"+policy+"'}], initContainers: [{name: "+name+"-init, image: '"+image+"', imagePullPolicy: '"+policy+"'}]}")
	}
	cases := map[string]struct {
		reason   string
		old, set *v1alpha1.SidecarSet
		want     corev1.PullPolicy
	}{
		"kept":      {"as Kubernetes does in pod templates", set("a", "a:1", "IfNotPresent"), set("a", "a:latest", ""), corev1.PullIfNotPresent},
		"kept-too":  {"the other way round", set("a", "a", "Always"), set("a", "a:1", ""), corev1.PullAlways},
		"implied":   {"nobody has written it, and pods have it", set("a", "a", ""), set("a", "a:1", ""), corev1.PullAlways},
		"given":     {"said is said", set("a", "a", "Always"), set("a", "a:1", "Never"), corev1.PullNever},
		"other":     {"another container", set("b", "a", "Always"), set("a", "a:1", ""), corev1.PullIfNotPresent},
		"unchanged": {"nothing to keep", set("a", "a:1", "Never"), set("a", "a:1", "Never"), corev1.PullNever},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := tc.set.DeepCopy()
			got := sidecar.DefaultUpdate(tc.set, tc.old)
			if c, init := got.Spec.Containers[0], got.Spec.InitContainers[0]; c.ImagePullPolicy != tc.want || init.ImagePullPolicy != tc.want {
				t.Errorf("%s: %s and %s, want %s", tc.reason, c.ImagePullPolicy, init.ImagePullPolicy, tc.want)
			}
			want := before.DeepCopy()
			want.Spec.Containers[0].ImagePullPolicy, want.Spec.InitContainers[0].ImagePullPolicy = tc.want, tc.want
			if diff := cmp.Diff(sidecar.Default(want), got); diff != "" {
				t.Errorf("%s: the rest: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, tc.set); diff != "" {
				t.Errorf("the input was modified: -before +after:\n%s", diff)
			}
		})
	}
}

// TestAnySet: whatever a set says, it is defaulted once, judged, hashed, compared
// and told about, without a change to it.
func TestAnySet(t *testing.T) {
	for seed := range int64(300) {
		var set, other v1alpha1.SidecarSet
		filler := randfill.NewWithSeed(seed).NilChance(0.4).NumElements(0, 2).MaxDepth(14)
		filler.Fill(&set.Spec)
		filler.Fill(&other.Spec)
		other.Name = "other"
		before := set.DeepCopy()
		defaulted := sidecar.Default(&set)
		if diff := cmp.Diff(defaulted, sidecar.Default(defaulted)); diff != "" {
			t.Errorf("seed %d: defaulting twice: -once +twice:\n%s", seed, diff)
		}
		sidecar.Validate(defaulted)
		sidecar.Validate(&set)
		sidecar.ValidateUpdate(defaulted, sidecar.Default(&other))
		sidecar.Warnings(defaulted, sidecar.Default(&other))
		sidecar.Conflicts(&set, []v1alpha1.SidecarSet{other})
		sidecar.Whitelist{}.Validate(&set)
		if sidecar.Hash(defaulted) != sidecar.Hash(defaulted.DeepCopy()) || len(sidecar.HashWithoutImage(defaulted)) != 64 {
			t.Errorf("seed %d: hash %q, without image %q", seed, sidecar.Hash(defaulted), sidecar.HashWithoutImage(defaulted))
		}
		if diff := cmp.Diff(before, &set); diff != "" {
			t.Errorf("seed %d: the input was modified: -before +after:\n%s", seed, diff)
		}
	}
	if text, err := yaml.Marshal(sidecar.Default(&v1alpha1.SidecarSet{})); err != nil {
		t.Errorf("a set of nothing: %v in\n%s", err, text)
	}
}
