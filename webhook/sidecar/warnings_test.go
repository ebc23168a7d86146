package sidecar_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

func TestWarnings(t *testing.T) {
	const (
		cpu   = ", resources: {limits: {cpu: 1}}"
		quiet = "containers: [{name: agent, image: 'agent:1'" + cpu + "}]"
	)
	follow := func(field string) string {
		return field + ": pods that run follow the change when they are created again, and no new image before that"
	}
	cases := map[string]struct {
		reason   string
		old, set string
		want     []string
	}{
		"quiet": {"nothing to say", "", selected(quiet), nil},
		"no-cpu": {"autoscalers count every container that runs", "", selected("containers: [{name: a, image: a, resources: {requests: {memory: 1}}}]\n  initContainers: [{name: b, image: b}, {name: c, image: c, restartPolicy: Always}]"), []string{
			"spec.containers[0].resources.requests: without cpu HorizontalPodAutoscalers cannot scale the pods by their cpu utilization any more",
			"spec.initContainers[1].resources.requests: without cpu HorizontalPodAutoscalers cannot scale the pods by their cpu utilization any more",
		}},
		"in-vain": {"without effect", "", selected("namespace: a\n  namespaceSelector: {matchLabels: {a: b}}\n  injectionStrategy: {revision: {revisionName: a, customVersion: b}}\n  volumes: [{name: v}]\n  containers: [{name: agent, image: a, transferEnv: [{envName: A}, {sourceContainerName: a}, {sourceContainerName: a, envNames: [A]}]" + cpu + "}]"), []string{
			"spec.namespaceSelector: has no effect beside spec.namespace",
			"spec.injectionStrategy.revision.customVersion: has no effect beside revisionName",
			"spec.containers[0].transferEnv[0]: transfers nothing; give a source container and the names of variables",
			"spec.containers[0].transferEnv[1]: transfers nothing; give a source container and the names of variables",
			`spec.volumes[0]: no container mounts volume "v", and no pod gets it`,
		}},
		"overwrite": {"somebody may depend on it", "", selected("patchPodMetadata: [{annotations: {a: b}, patchPolicy: Overwrite}]\n  " + quiet), []string{
			"spec.patchPodMetadata[0].patchPolicy: Overwrite replaces what the pod's own author wrote, also in pods that run, when their images are updated",
		}},
		"sleep": {"pods of the default could not be created", "", selected("containers: [{name: a, image: a, lifecycle: {preStop: {sleep: {seconds: 31}}, postStart: {sleep: {seconds: 30}}}" + cpu + "}]"), []string{
			"spec.containers[0].lifecycle.preStop.sleep.seconds: pods whose terminationGracePeriodSeconds is less than 31, such as the default, cannot be created with it",
		}},
		"image": {"what is rolled out", selected(quiet), selected(strings.Replace(quiet, "agent:1", "agent:2", 1)), nil},
		"latest": {"the pull policy follows the tag", selected(quiet), selected(strings.Replace(quiet, "agent:1", "agent:latest", 1)), []string{
			follow("spec.containers[0].imagePullPolicy") + "; what is given does not change with the tag",
		}},
		"fields": {"all but images", selected(quiet), selected("containers: [{name: agent, image: 'agent:2', env: [{name: A}], shareVolumePolicy: {type: enabled}" + cpu + "}]"), []string{
			follow("spec.containers[0].env"), follow("spec.containers[0].shareVolumePolicy"),
		}},
		"removed-field": {"all but images", selected("containers: [{name: agent, image: 'agent:1', args: [a]" + cpu + "}]"), selected(quiet), []string{follow("spec.containers[0].args")}},
		"containers": {"renamed", selected(quiet), selected(strings.Replace(quiet, "name: agent", "name: shipper", 1)), []string{
			`spec.containers[0]: pods that run do not get container "shipper" before they are created again`,
			`spec.containers: pods that run keep container "agent" until they are created again`,
		}},
		"init": {"it has run", selected("initContainers: [{name: a, image: 'a:1'}]"), selected("initContainers: [{name: a, image: 'a:2'}]"), []string{
			"spec.initContainers[0].image: only new pods get the image, since those that run have run the container already",
		}},
		"native": {"it follows", selected("initContainers: [{name: a, image: 'a:1', restartPolicy: Always" + cpu + "}]"), selected("initContainers: [{name: a, image: 'a:2', restartPolicy: Always" + cpu + "}]"), nil},
		"scope": {"pods keep what they have", selected(quiet), selected("namespace: a\n  " + quiet), []string{
			"spec.selector: pods that have the sidecars and are not selected any more keep them, and are not updated",
		}},
		"secrets": {"in no hash", selected(quiet), selected("imagePullSecrets: [{name: a}]\n  " + quiet), []string{
			"spec.imagePullSecrets: only new pods get the change; which ones have not is not reported",
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := sidecar.Default(parse(t, tc.set))
			old := sidecar.Default(parse(t, tc.old))
			if tc.old == "" {
				old = nil
			}
			if diff := cmp.Diff(tc.want, sidecar.Warnings(set, old)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
