package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
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
