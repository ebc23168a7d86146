package sidecar_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// FuzzInject: no SidecarSet, validated or not, and no pod make injection panic or
// modify what it is given; and the second time changes nothing.
func FuzzInject(f *testing.F) {
	const pod = `{"metadata":{"name":"web","labels":{"app":"web"}},"spec":{"containers":[{"name":"app","env":[{"name":"A","value":"$(B)"}],"volumeMounts":[{"name":"v","mountPath":"/v","subPathExpr":"$(A)"}]}],"volumes":[{"name":"v"}]}}`
	f.Add([]byte(pod), []byte(`{"metadata":{"name":"logs"},"spec":{"selector":{"matchLabels":{"app":"web"}},"containers":[{"name":"log","image":"log:1","shareVolumePolicy":{"type":"enabled"},"transferEnv":[{"sourceContainerName":"app","envName":"A"}]}]}}`))
	f.Add([]byte(pod), []byte(`{"metadata":{"name":"logs"},"spec":{"selector":{"matchExpressions":[{"key":"app","operator":"Exists"}]},"initContainers":[{"name":"log","image":"log:1","restartPolicy":"Always"}],"updateStrategy":{"type":"NotUpdate"},"patchPodMetadata":[{"patchPolicy":"MergePatchJson","annotations":{"a":"{}"}}]}}`))
	f.Add([]byte(`{"metadata":{"labels":{"app":"web"},"annotations":{"kruise.io/sidecarset-hash":"{\"logs\":\"x\"}"}},"spec":{"restartPolicy":"Never"}}`), []byte(`{"metadata":{"name":"logs"},"spec":{"selector":{"matchLabels":{"app":"web"}},"containers":[{"name":"log","image":"log:1"}]}}`))
	f.Add([]byte(`{}`), []byte(`{"spec":{"containers":[{"transferEnv":[{"sourceContainerNameFrom":{}}],"livenessProbe":{}}],"volumes":[{}],"updateStrategy":{"selector":{}}}}`))
	f.Fuzz(func(t *testing.T, podJSON, setJSON []byte) {
		pod, set := &corev1.Pod{}, &v1alpha1.SidecarSet{}
		if json.Unmarshal(podJSON, pod) != nil || json.Unmarshal(setJSON, set) != nil {
			return
		}
		podBefore, setBefore := toJSON(pod), toJSON(set)
		sets := []*sidecar.Set{sidecar.Compile(set, nil)}
		inject := func(pod *corev1.Pod) sidecar.Result {
			return sidecar.Inject(sidecar.Subject{Pod: pod, Namespace: sidecar.Namespace{Name: "default"}, Key: "key", Now: time.Unix(1767225600, 0)}, sets)
		}
		once := inject(pod)
		if toJSON(pod) != podBefore || toJSON(set) != setBefore {
			t.Fatal("an argument was modified")
		}
		if twice := inject(throughJSON(once.Pod)); toJSON(twice.Pod) != toJSON(once.Pod) || len(twice.Failures) != len(once.Failures) {
			t.Fatalf("the second time:\n%s\n%s", toJSON(once.Pod), toJSON(twice.Pod))
		}
		if sets[0].Err != nil && len(once.Injected) > 0 {
			t.Fatalf("injected although %v", sets[0].Err)
		}
	})
}
