package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "sigs.k8s.io/json"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/spread"
)

// BenchmarkAdmission compares the handler with the least that a webhook written
// with controller-runtime does: decode the same request and allow it. It reports
// the time of Spillway's as a multiple of that one's, from the same run.
func BenchmarkAdmission(b *testing.B) {
	handler, _ := newHandler(b, namespaceLabels{})
	spillway := &admission.Webhook{Handler: handler}
	baseline := &admission.Webhook{Handler: decodeAndAllow(b)}

	for _, bench := range []struct{ name, label string }{
		{"stash", "true"},
		{"skipped", "false"},
	} {
		body := review(b, realisticPod(bench.label), nil)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				admitOnce(b, spillway, body)
			}
			started := time.Now()
			for range b.N {
				admitOnce(b, baseline, body)
			}
			floor := time.Since(started)
			b.ReportMetric(b.Elapsed().Seconds()/floor.Seconds(), "x-decode-and-allow")
			b.ReportMetric(float64(floor.Nanoseconds())/float64(b.N), "decode-and-allow-ns/op")
		})
	}
}

// BenchmarkSpread compares the admission of a pod into a subset with that of a
// pod that no WorkloadSpread targets, from the same run. The choice is given:
// this is the price of placing.
func BenchmarkSpread(b *testing.B) {
	body := review(b, realisticPod("true"), nil)
	without := &admission.Webhook{Handler: placing(nil)}
	const (
		marks   = `{"metadata":{"annotations":{"subset":"common"}}}`
		clears  = `{"metadata":{"annotations":{"subset":"vk"}},"spec":{"affinity":{"nodeAffinity":null,"podAntiAffinity":null},"nodeSelector":null}}`
		stashes = `{"metadata":{"annotations":{"subset":"vk","clusterSelector":"{\"tolerations\":[{\"key\":\"test\",\"operator\":\"Exists\"}]}"}},"spec":{"affinity":{"nodeAffinity":null,"podAntiAffinity":null},"nodeSelector":null}}`
		env     = `{"spec":{"containers":[{"name":"main","env":[{"name":"SUBSET","value":"a"}]}]}}`
	)
	for _, bench := range []struct {
		name, patch string
		virtual     bool
	}{
		{"real-without-patch", "", false},
		{"real", marks, false},
		{"virtual", clears, true},
		{"virtual-without-patch", "", true},
		{"virtual-patch-stashes", stashes, true},
		{"real-patch-env", env, false},
	} {
		spreading := &admission.Webhook{Handler: placing(benchDecision(bench.patch, bench.virtual))}
		b.Run(bench.name, func(b *testing.B) {
			againstStash(b, spreading, without, body)
		})
	}
}

// againstStash measures the admission into a subset and that without a
// WorkloadSpread in turns, so that what else the machine does disturbs both alike.
func againstStash(b *testing.B, spreading, without http.Handler, body []byte) {
	b.ReportAllocs()
	var with, stash time.Duration
	for b.Loop() {
		started := time.Now()
		admitOnce(b, spreading, body)
		between := time.Now()
		admitOnce(b, without, body)
		with, stash = with+between.Sub(started), stash+time.Since(between)
	}
	b.ReportMetric(with.Seconds()/stash.Seconds(), "x-stash")
	b.ReportMetric(float64(with.Nanoseconds())/float64(b.N), "spread-ns/op")
	b.ReportMetric(float64(stash.Nanoseconds())/float64(b.N), "stash-ns/op")
}

func benchDecision(patch string, virtual bool) *spread.Decision {
	ws := &v1alpha1.WorkloadSpread{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}}
	ws.Spec.Subsets = []v1alpha1.WorkloadSpreadSubset{{
		Name: "common",
		RequiredNodeSelectorTerm: &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: "node-role.kubernetes.io/worker", Operator: corev1.NodeSelectorOpIn, Values: []string{"true"}},
		}},
		Tolerations: []corev1.Toleration{{Key: "unscheduler", Operator: corev1.TolerationOpEqual, Value: "true", Effect: corev1.TaintEffectNoSchedule}},
		Patch:       runtime.RawExtension{Raw: []byte(patch)},
	}}
	return &spread.Decision{Spread: ws, Subset: &ws.Spec.Subsets[0], Virtual: virtual, UID: "5b0c1d7e-9c8e-4a53-8a0e-0d6a2f4c7f11", Reason: spread.First}
}

// placing is the handler's way through the core, with a decision that is given.
func placing(d *spread.Decision) admission.Handler {
	return admission.HandlerFunc(func(_ context.Context, req admission.Request) admission.Response {
		pod := &corev1.Pod{}
		if _, err := kjson.UnmarshalStrict(req.Object.Raw, pod); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		out := mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true, Spread: d}, policy())
		operations, err := webhook.Patch(nil, pod, out.Pod)
		if err = errors.Join(err, out.Denied, out.SpreadFailed); err != nil {
			return admission.Errored(http.StatusInternalServerError, err)
		}
		return admission.Patched("", operations...)
	})
}

func admitOnce(b *testing.B, handler http.Handler, body []byte) {
	if recorder := post(handler, body); recorder.Code != http.StatusOK {
		b.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
}

func decodeAndAllow(b *testing.B) admission.Handler {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		b.Fatal(err)
	}
	decoder := admission.NewDecoder(scheme)
	return admission.HandlerFunc(func(_ context.Context, req admission.Request) admission.Response {
		if err := decoder.Decode(req, &corev1.Pod{}); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		return admission.Allowed("")
	})
}

// realisticPod is JSON of about 7 KB: three containers with environment, probes
// and mounts, and all four scheduling fields.
func realisticPod(label string) string {
	containers := ""
	for i, name := range []string{"main", "worker", "exporter"} {
		env := `{"name":"POD_NAME","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}`
		for n := range 14 - 4*i {
			env += fmt.Sprintf(`,{"name":"SETTING_%02d","value":"value-of-setting-%02d-for-%s"}`, n, n, name)
		}
		probe := fmt.Sprintf(`{"httpGet":{"path":"/healthz","port":%d,"scheme":"HTTP"},"initialDelaySeconds":5,"timeoutSeconds":2,"periodSeconds":10,"successThreshold":1,"failureThreshold":3}`, 8080+i)
		containers += fmt.Sprintf(`{"name":%q,"image":"registry.example/shop/%s:v1.24.3","command":["/bin/%s"],"args":["--listen=:8080","--config=/etc/web/config.yaml"],`+
			`"ports":[{"name":"http","containerPort":%d,"protocol":"TCP"}],"env":[%s],"resources":{"limits":{"cpu":"100m","memory":"128Mi"},"requests":{"cpu":"100m","memory":"128Mi"}},`+
			`"volumeMounts":[{"name":"config","mountPath":"/etc/web","readOnly":true},{"name":"cache","mountPath":"/var/cache/web"},{"name":"kube-api-access-x7x2p","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],`+
			`"livenessProbe":%s,"readinessProbe":%s,"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent",`+
			`"securityContext":{"capabilities":{"drop":["ALL"]},"runAsUser":1000,"runAsNonRoot":true,"allowPrivilegeEscalation":false}},`, name, name, name, 8080+i, env, probe, probe)
	}
	return `{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"web-6d4cf56db6-","namespace":"default","creationTimestamp":null,` +
		`"labels":{"app":"web","pod-template-hash":"6d4cf56db6","tier":"frontend","virtual-pod":"` + label + `"},` +
		`"annotations":{"prometheus.io/scrape":"true","checksum/config":"5f1b1f6e7b0d8c2b3a4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819203"},` +
		`"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-6d4cf56db6","uid":"0a3d5c9e-6a50-4b54-bc4e-0c36a23c1f35","controller":true,"blockOwnerDeletion":true}]},` +
		`"spec":{"volumes":[{"name":"config","configMap":{"name":"web-config","defaultMode":420,"optional":true}},{"name":"cache","emptyDir":{}},` +
		`{"name":"kube-api-access-x7x2p","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}}],"defaultMode":420}}],` +
		`"containers":[` + containers[:len(containers)-1] + `],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","securityContext":{"fsGroup":2000},` +
		`"nodeSelector":{"kubernetes.io/os":"linux","pool":"general"},` +
		`"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/arch","operator":"In","values":["amd64","arm64"]},{"key":"topology.kubernetes.io/zone","operator":"In","values":["zone-a","zone-b"]}]}]}},` +
		`"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":100,"podAffinityTerm":{"labelSelector":{"matchLabels":{"app":"web"}},"topologyKey":"kubernetes.io/hostname"}}]}},` +
		`"schedulerName":"default-scheduler","tolerations":[{"key":"dedicated","operator":"Equal","value":"web","effect":"NoSchedule"},{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],` +
		`"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority","topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"app":"web"}}}]},"status":{}}`
}
