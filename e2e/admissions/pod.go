package admissions

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// App is the label by which SidecarSets and the workload select the pod.
const App = "web"

// WebPod is a pod as large as services' are: three containers with environments,
// probes and mounts, and constraints of every kind. namespace and owner are where it
// belongs.
func WebPod(namespace string, owner metav1.OwnerReference) *corev1.Pod {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": App}}
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: owner.Name + "-", Namespace: namespace, OwnerReferences: []metav1.OwnerReference{owner},
			Labels: map[string]string{"app": App, "app.kubernetes.io/name": App, "app.kubernetes.io/part-of": "shop", "pod-template-hash": "57674c775b", "release": "stable", "tier": "frontend"},
			Annotations: map[string]string{
				"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "prometheus.io/path": "/metrics",
				"checksum/config": "9d5a3c1de0b74f6a8c27e1b05f4d9386a7cb1e2f30495d6887a1c0b2d3e4f506",
			},
		},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
			SecurityContext: &corev1.PodSecurityContext{FSGroup: new(int64(2000))},
			Volumes: []corev1.Volume{
				{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "web-config"}, Optional: new(true)}}},
				{Name: "cache", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "logs", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "podinfo", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}}},
			},
			NodeSelector: map[string]string{"kubernetes.io/os": "linux", "pool": "general"},
			Affinity: &corev1.Affinity{
				NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: corev1.LabelArchStable, Operator: corev1.NodeSelectorOpIn, Values: []string{"amd64", "arm64"}},
					{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{"zone-a", "zone-b", "zone-c"}},
				}}}}},
				PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 100, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: selector}}}},
			},
			Tolerations:               []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: App, Effect: corev1.TaintEffectNoSchedule}},
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector}},
		},
	}
	mounts := []corev1.VolumeMount{{Name: "config", MountPath: "/etc/web", ReadOnly: true}, {Name: "cache", MountPath: "/var/cache/web"}, {Name: "logs", MountPath: "/var/log/web"}}
	main := container("main", 16, mounts, "100m", "128Mi")
	main.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {Name: "metrics", ContainerPort: 9090}}
	main.ReadinessProbe, main.StartupProbe = probe("/readyz"), probe("/startup")
	main.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/sh", "-c", "sleep 5"}}}}
	main.SecurityContext = &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), RunAsNonRoot: new(true), RunAsUser: new(int64(1000)), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
	worker := container("worker", 10, mounts[:2], "50m", "64Mi")
	worker.ReadinessProbe = probe("/readyz")
	pod.Spec.Containers = []corev1.Container{main, worker, container("exporter", 6, mounts[2:], "10m", "32Mi")}
	return pod
}

func container(name string, settings int, mounts []corev1.VolumeMount, cpu, memory string) corev1.Container {
	env := []corev1.EnvVar{field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"), field("POD_IP", "status.podIP")}
	for i := range settings {
		env = append(env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%02d", i), Value: fmt.Sprintf("what-%s-is-told-by-%02d", name, i)})
	}
	wants := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	return corev1.Container{
		Name: name, Image: "registry.example/shop/" + name + ":v1.24.3", ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{"/bin/" + name}, Args: []string{"--listen=:8080", "--metrics=:9090", "--config=/etc/web/config.yaml"},
		Env: env, Resources: corev1.ResourceRequirements{Requests: wants, Limits: wants}, LivenessProbe: probe("/healthz"), VolumeMounts: mounts,
	}
}

func field(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

func probe(path string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(8080)}},
		InitialDelaySeconds: 5, TimeoutSeconds: 2,
	}
}
