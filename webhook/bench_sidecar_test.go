package webhook_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// BenchmarkSidecars is the whole way of a pod through the handler, with SidecarSets
// of the size that log shippers have. It reports the time as a multiple of that of
// a pod with one set that matches, and no other, from the same run.
func BenchmarkSidecars(b *testing.B) {
	body := review(b, realisticPod("true"), nil)
	one := injecting(b, []string{"web"})
	others := make([]string, 0, 200)
	for n := range 199 {
		others = append(others, fmt.Sprintf("other-%d", n))
	}
	for _, bench := range []struct {
		name string
		apps []string
	}{
		{"one", []string{"web"}},
		{"one-of-200", append(others, "web")},
		{"ten", []string{"web", "web", "web", "web", "web", "web", "web", "web", "web", "web"}},
	} {
		many := injecting(b, bench.apps)
		b.Run(bench.name, func(b *testing.B) { againstOneSet(b, many, one, body) })
	}
	without, _ := newHandler(b, namespaceLabels{})
	b.Run("none", func(b *testing.B) { againstOneSet(b, &admission.Webhook{Handler: without}, one, body) })
}

// againstOneSet measures both in turns, so that what else the machine does
// disturbs both alike.
func againstOneSet(b *testing.B, many, one http.Handler, body []byte) {
	b.ReportAllocs()
	var with, base time.Duration
	for b.Loop() {
		started := time.Now()
		admitOnce(b, many, body)
		between := time.Now()
		admitOnce(b, one, body)
		with, base = with+between.Sub(started), base+time.Since(between)
	}
	b.ReportMetric(with.Seconds()/base.Seconds(), "x-one-set")
	b.ReportMetric(float64(with.Nanoseconds())/float64(b.N), "sidecars-ns/op")
	b.ReportMetric(float64(base.Nanoseconds())/float64(b.N), "one-set-ns/op")
}

// injecting is a handler with a set for each of these apps.
func injecting(b *testing.B, apps []string) http.Handler {
	handler, _ := newHandler(b, namespaceLabels{})
	texts := make([]string, len(apps))
	for n, app := range apps {
		texts[n] = fmt.Sprintf(logShipper, n, app)
	}
	sets := compiled(b, texts...)
	for _, set := range sets {
		if set.Err != nil {
			b.Fatal(set.Err)
		}
	}
	handler.Sidecars = sets
	return &admission.Webhook{Handler: handler}
}

// logShipper is a set by its number, for an app.
const logShipper = `
metadata: {name: logs-%03[1]d}
spec:
  selector: {matchLabels: {app: %[2]q, virtual-pod: "true"}}
  containers:
  - name: shipper-%03[1]d
    image: registry.example/logs/shipper:v3.1.4
    imagePullPolicy: IfNotPresent
    args: [--config=/etc/shipper/shipper.yaml, "--state=/var/lib/shipper-%03[1]d"]
    ports: [{name: metrics, containerPort: 2020}]
    shareVolumePolicy: {type: enabled}
    transferEnv: [{sourceContainerName: main, envNames: [POD_NAME, SETTING_01]}]
    env:
    - {name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: FLUSH_SECONDS, value: "5"}
    - {name: TOKEN, valueFrom: {secretKeyRef: {name: shipper, key: token}}}
    resources: {requests: {cpu: 20m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}
    readinessProbe: {httpGet: {path: /ready, port: 2020}}
    livenessProbe: {httpGet: {path: /healthy, port: 2020}, initialDelaySeconds: 10}
    volumeMounts:
    - {name: shipper-config, mountPath: /etc/shipper, readOnly: true}
    - {name: shipper-state-%03[1]d, mountPath: /var/lib/shipper-%03[1]d}
  volumes:
  - {name: shipper-config, configMap: {name: shipper}}
  - {name: shipper-state-%03[1]d, emptyDir: {sizeLimit: 1Gi}}
  patchPodMetadata:
  - {annotations: {logs.example.com/format: json}}
`
