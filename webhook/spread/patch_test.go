package spread_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// TestPlacePatchesLikeKubernetes: for whatever a patch may touch, Place does to
// the fields that the patch names what Kubernetes' library, and so Kruise, does
// to the whole pod.
func TestPlacePatchesLikeKubernetes(t *testing.T) {
	pods := map[string]string{
		"bare": `{metadata: {name: web}, spec: {containers: [{name: app, image: web:1}]}}`,
		"full": `
metadata:
  name: web
  labels: {app: web, tier: backend}
  annotations: {team: shop}
  finalizers: [example.com/a, example.com/b]
spec:
  nodeSelector: {disk: ssd, zone: a}
  priorityClassName: normal
  terminationGracePeriodSeconds: 30
  securityContext: {fsGroup: 2000, runAsNonRoot: true}
  imagePullSecrets: [{name: registry}]
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: Exists}]}]
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - {weight: 1, podAffinityTerm: {topologyKey: zone}}
  topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}
  - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}
  tolerations: [{key: spot, operator: Exists}]
  volumes:
  - {name: config, configMap: {name: web}}
  - {name: cache, emptyDir: {}}
  initContainers: [{name: init, image: init:1}]
  containers:
  - {name: log, image: log:1}
  - name: app
    image: web:1
    command: [web, --fast]
    env: [{name: MODE, value: fast}, {name: LEVEL, value: info}, {name: TZ, value: UTC}]
    ports: [{containerPort: 80, name: http}, {containerPort: 443}]
    resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 1Gi}}
    volumeMounts: [{name: config, mountPath: /etc/web}]
    readinessProbe: {httpGet: {port: http, path: /}, periodSeconds: 5}
  - {name: metrics, image: metrics:1, ports: [{containerPort: 9090, name: scrape}]}
`,
		// A merge key need not be unique in a pod.
		"twice": `
metadata: {name: web}
spec:
  topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}
  - {maxSkew: 2, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}
  containers:
  - name: app
    image: web:1
    env: [{name: MODE, value: fast}, {name: TZ, value: UTC}, {name: MODE, value: $(TZ)}]
    ports: [{containerPort: 53, protocol: TCP}, {containerPort: 53, protocol: UDP}, {containerPort: 443}, {containerPort: 443, protocol: UDP}]
`,
	}
	patches := map[string]string{
		"labels":            `{metadata: {labels: {tier: null, vk: "true"}, annotations: {subset: a}}}`,
		"finalizers":        `{metadata: {finalizers: [example.com/c, example.com/a]}}`,
		"finalizers-delete": `{metadata: {$deleteFromPrimitiveList/finalizers: [example.com/a]}}`,
		"finalizers-order":  `{metadata: {$setElementOrder/finalizers: [example.com/b, example.com/a], finalizers: [example.com/b]}}`,
		"scalars":           `{spec: {terminationGracePeriodSeconds: 5, hostNetwork: true, schedulerName: mine}}`,
		"node-selector":     `{spec: {nodeSelector: {zone: null, pool: general}}}`,
		"security-context":  `{spec: {securityContext: {runAsNonRoot: null, runAsUser: 1000}}}`,
		"atomic-lists":      `{spec: {tolerations: [{key: a, operator: Exists}], containers: [{name: app, command: [other]}]}}`,
		"affinity":          `{spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [x]}]}]}}}}}`,
		"spread":            `{spec: {topologySpreadConstraints: [{topologyKey: zone, maxSkew: 3, whenUnsatisfiable: ScheduleAnyway}, {topologyKey: rack, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway}]}}`,
		"env":               `{spec: {containers: [{name: app, env: [{name: MODE, value: slow}, {name: NEW, value: x}, {name: TZ, $patch: delete}]}]}}`,
		"env-replaced":      `{spec: {containers: [{name: app, env: [{$patch: replace}, {name: ONLY, value: x}]}]}}`,
		"env-order":         `{spec: {containers: [{name: app, $setElementOrder/env: [{name: TZ}, {name: NEW}, {name: MODE}], env: [{name: NEW, value: x}]}]}}`,
		"resources":         `{spec: {containers: [{name: app, resources: {requests: {cpu: "0.5", memory: null}, limits: {cpu: 1}}}]}}`,
		"ports-and-mounts":  `{spec: {containers: [{name: app, ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 53, protocol: UDP}], volumeMounts: [{mountPath: /cache, name: cache}]}]}}`,
		"ports-replaced":    `{spec: {containers: [{name: app, ports: [{containerPort: 443, $patch: replace}, {containerPort: 80, hostPort: 8080}]}]}}`,
		"probe":             `{spec: {containers: [{name: app, readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}}]}}`,
		"containers":        `{spec: {containers: [{name: metrics, $patch: delete}, {name: first, image: first:1}, {name: app, image: web:2}, {name: second, image: second:1, env: [{name: A, value: b}]}]}}`,
		"container-alone":   `{spec: {containers: [{name: metrics, image: null, ports: [{containerPort: 9090, hostPort: 9090}]}]}}`,
		"no-items":          `{spec: {containers: [], volumes: [], tolerations: []}}`,
		"container-order":   `{spec: {$setElementOrder/containers: [{name: app}, {name: log}], containers: [{name: app, image: web:2}]}}`,
		"init-containers":   `{spec: {initContainers: [{name: before, image: before:1, restartPolicy: Always}]}}`,
		"volumes":           `{spec: {volumes: [{name: config, configMap: {name: other}}, {name: scratch, emptyDir: {sizeLimit: 1Gi}}]}}`,
		"volume-source":     `{spec: {volumes: [{name: config, $retainKeys: [name, emptyDir], emptyDir: {}}]}}`,
		"pull-secrets":      `{spec: {imagePullSecrets: [{name: other}]}}`,
		"spec-replaced":     `{spec: {$patch: replace, containers: [{name: app, image: web:2}]}}`,
		"spec-retains":      `{spec: {$retainKeys: [containers, volumes], containers: [{name: app, image: web:2}]}}`,
		"metadata-and-spec": `{metadata: {labels: {vk: "true"}}, spec: {hostNetwork: true}}`,
	}
	for podName, podText := range pods {
		for name, patchText := range patches {
			t.Run(podName+"/"+name, func(t *testing.T) {
				pod := fromYAML[corev1.Pod](t, podText)
				raw, err := yaml.YAMLToJSON([]byte(patchText))
				if err != nil {
					t.Fatal(err)
				}
				merged, err := strategicpatch.StrategicMergePatch([]byte(toJSON(t, pod)), raw, corev1.Pod{})
				if err != nil {
					t.Fatal(err)
				}
				want := fromYAML[corev1.Pod](t, string(merged))
				want.Annotations = withMatch(want.Annotations, `{"name":"ws","subset":"a"}`)

				before := toJSON(t, pod)
				got, warnings, err := spread.Place(pod, patchedBy(raw))
				if err != nil || len(warnings) > 0 {
					t.Fatalf("error %v, warnings %q", err, warnings)
				}
				if name == "volume-source" && podName == "bare" {
					// The library forgets this directive where there is nothing to direct,
					// and drops it with other fields that it does not know.
					want.Spec.Volumes = got.Spec.Volumes
				}
				if diff := cmp.Diff(toYAML(t, want), toYAML(t, got)); diff != "" {
					t.Errorf("-Kubernetes +Place:\n%s", diff)
				}
				again, _, err := spread.Place(got, patchedBy(raw))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(toYAML(t, got), toYAML(t, again)); diff != "" {
					t.Errorf("placed again: -once +twice:\n%s", diff)
				}
				if diff := cmp.Diff(before, toJSON(t, pod)); diff != "" {
					t.Errorf("Place changed its input:\n%s", diff)
				}
			})
		}
	}
}

// TestPlaceSharesTheRest: what a patch does not name of a list's items is not
// even copied, let alone taken through JSON.
func TestPlaceSharesTheRest(t *testing.T) {
	pod := fromYAML[corev1.Pod](t, `
spec:
  containers:
  - {name: app, command: [web], env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: MODE, value: fast}]}
  - {name: log, command: [log]}
`)
	got, _, err := spread.Place(pod, patchedBy([]byte(`{"spec":{"containers":[{"name":"app","env":[{"name":"MODE","value":"slow"}]}]}}`)))
	if err != nil {
		t.Fatal(err)
	}
	was, is := pod.Spec.Containers, got.Spec.Containers
	if len(is) != 2 || len(is[0].Env) != 2 || is[0].Env[1].Value != "slow" {
		t.Fatalf("got %v, want the pod's containers in their order, and one variable changed", is)
	}
	if &is[0].Command[0] != &was[0].Command[0] || is[0].Env[0].ValueFrom != was[0].Env[0].ValueFrom || &is[1].Command[0] != &was[1].Command[0] {
		t.Error("got a copy of what the patch does not name")
	}
}

// TestPlaceChangesPriority: what the API server has resolved from a priority
// class must go with the class, or it refuses the pod.
func TestPlaceChangesPriority(t *testing.T) {
	never, lower, zero := corev1.PreemptNever, corev1.PreemptLowerPriority, int32(0)
	cases := map[string]struct {
		reason      string
		spec        corev1.PodSpec
		patch       string
		class       string
		hasPriority bool
		preemption  *corev1.PreemptionPolicy
	}{
		"resolved": {
			reason: "the API server resolved both before it called us",
			spec:   corev1.PodSpec{Priority: &zero, PreemptionPolicy: &lower},
			patch:  `{"spec":{"priorityClassName":"low"}}`, class: "low",
		},
		"unresolved": {
			reason: "a preemption policy without a priority is the author's own",
			spec:   corev1.PodSpec{PriorityClassName: "high", PreemptionPolicy: &never},
			patch:  `{"spec":{"priorityClassName":"low"}}`, class: "low", preemption: &never,
		},
		"given": {
			reason: "the patch knows the class's preemption policy",
			spec:   corev1.PodSpec{Priority: &zero, PreemptionPolicy: &lower},
			patch:  `{"spec":{"priorityClassName":"low","preemptionPolicy":"Never"}}`, class: "low", preemption: &never,
		},
		"cleared": {
			reason: "no class is the cluster's default one",
			spec:   corev1.PodSpec{PriorityClassName: "high", Priority: &zero, PreemptionPolicy: &lower},
			patch:  `{"spec":{"priorityClassName":null}}`,
		},
		"same": {
			reason: "nothing changes on reinvocation",
			spec:   corev1.PodSpec{PriorityClassName: "low", Priority: &zero, PreemptionPolicy: &lower},
			patch:  `{"spec":{"priorityClassName":"low"}}`, class: "low", hasPriority: true, preemption: &lower,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, _, err := spread.Place(&corev1.Pod{Spec: tc.spec}, patchedBy([]byte(tc.patch)))
			if err != nil {
				t.Fatal(err)
			}
			if got.Spec.PriorityClassName != tc.class || (got.Spec.Priority != nil) != tc.hasPriority {
				t.Errorf("%s: class %q, priority %v", tc.reason, got.Spec.PriorityClassName, got.Spec.Priority)
			}
			if diff := cmp.Diff(tc.preemption, got.Spec.PreemptionPolicy); diff != "" {
				t.Errorf("%s: preemption policy, -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPlaceWithoutSubset(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	if got, warnings, err := spread.Place(pod, spread.Decision{Spread: &v1alpha1.WorkloadSpread{}}); got != pod || warnings != nil || err != nil {
		t.Errorf("got %v, %q, %v; want the pod itself", got, warnings, err)
	}
}

func patchedBy(raw []byte) spread.Decision {
	ws := &v1alpha1.WorkloadSpread{ObjectMeta: metav1.ObjectMeta{Name: "ws", Namespace: "default"}}
	ws.Spec.Subsets = []v1alpha1.WorkloadSpreadSubset{{Name: "a"}}
	ws.Spec.Subsets[0].Patch.Raw = raw
	return spread.Decision{Spread: ws, Subset: &ws.Spec.Subsets[0]}
}

func withMatch(annotations map[string]string, value string) map[string]string {
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[api.MatchedWorkloadSpreadAnnotation] = value
	return annotations
}

func fromYAML[T any](t *testing.T, text string) *T {
	t.Helper()
	v := new(T)
	if err := yaml.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
	return v
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func toYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
