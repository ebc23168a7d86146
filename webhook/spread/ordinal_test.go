package spread_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/spread"
)

// TestChooseByOrdinal: numbered pods are told apart by their number alone.
func TestChooseByOrdinal(t *testing.T) {
	statefulSet := targeting("apps/v1", "StatefulSet")
	advanced := targeting("apps.kruise.io/v1beta1", "StatefulSet")
	starts := func(first int, reserved ...int) ledgerOption {
		return func(l *spread.Ledger) { l.Target.FirstOrdinal, l.Target.ReservedOrdinals = first, reserved }
	}
	cases := map[string]struct {
		ledger   spread.Ledger
		ordinals []int
		want     string
	}{
		"in-order":       {ledgerOf("a=2 b=1 c", statefulSet), []int{0, 1, 2, 3}, "a a b c"},
		"none-is-enough": {ledgerOf("a=2", statefulSet), []int{1, 2}, "a -"},
		"start":          {ledgerOf("a=2 b", statefulSet, starts(5)), []int{5, 6, 7}, "a a b"},
		"reserved":       {ledgerOf("a=2 b", advanced, starts(0, 1, 9)), []int{0, 2, 3}, "a a b"},
		"two-digits":     {ledgerOf("a=10 b", statefulSet), []int{9, 10, 11}, "a b b"},
		"closed":         {ledgerOf("a=2 b=2 c", statefulSet, is("a", "False")), []int{0, 1, 2}, "b b c"},
		"live-pods":      {ledgerOf("a=2 b", statefulSet, has(5, "a")), []int{0}, "a"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var ask []spread.Request
			for _, n := range tc.ordinals {
				ask = append(ask, named(fmt.Sprintf("web-1-%d", n)))
			}
			if got := summary(tc.ledger.Choose(ask)); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}

	t.Run("indexed-job", func(t *testing.T) {
		l := ledgerOf("a=50% b", targeting("batch/v1", "Job"))
		l.Target.Indexed = true
		var ask []spread.Request
		for _, index := range []string{"0", "4", "5", "9"} {
			r := asks(1)[0]
			r.Pod.Annotations = map[string]string{batchv1.JobCompletionIndexAnnotation: index}
			ask = append(ask, r)
		}
		if got := summary(l.Choose(ask)); got != "a a b b" {
			t.Errorf("got %s, want a a b b", got)
		}
	})
}

// TestTargetOf: what is read from workloads of all kinds.
func TestTargetOf(t *testing.T) {
	cases := map[string]struct {
		paths    []string
		workload string
		want     string
	}{
		"deployment":         {nil, `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 7}}`, "7"},
		"default":            {nil, `{apiVersion: apps/v1, kind: Deployment, spec: {}}`, "1"},
		"job":                {nil, `{apiVersion: batch/v1, kind: Job, spec: {parallelism: 3, completions: 9}}`, "3"},
		"indexed-job":        {nil, `{apiVersion: batch/v1, kind: Job, spec: {parallelism: 3, completions: 9, completionMode: Indexed}}`, "9 indexed"},
		"stateful-set":       {nil, `{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 2, ordinals: {start: 4}}}`, "2 from 4"},
		"reserved":           {nil, `{apiVersion: apps.kruise.io/v1beta1, kind: StatefulSet, spec: {replicas: 2, reserveOrdinals: [1, "3-4", odd, "9-"]}}`, "2 without [1 3 4]"},
		"clone-set":          {nil, `{apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, spec: {replicas: 5}}`, "5"},
		"other-replicas":     {nil, `{apiVersion: example.com/v1, kind: Farm, spec: {replicas: 5}}`, "5"},
		"other-unknown":      {nil, `{apiVersion: example.com/v1, kind: Farm, spec: {size: 5}}`, "unknown"},
		"paths":              {[]string{"spec.roles.worker.replicas", "spec.pools.1.size"}, `{apiVersion: example.com/v1, kind: Farm, spec: {roles: {worker: {replicas: 5}}, pools: [{size: 1}, {size: 2}]}}`, "7"},
		"path-missing":       {[]string{"spec.replicas", "spec.size"}, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 7}}`, `spec.targetFilter.replicasPathList[1]: "spec.size" in Deployment "web": there is no "size"`},
		"path-of-text":       {[]string{"spec.size"}, `{apiVersion: example.com/v1, kind: Farm, metadata: {name: web}, spec: {size: many}}`, `spec.targetFilter.replicasPathList[0]: "spec.size" in Farm "web": many is not an integer`},
		"path-beyond-a-list": {[]string{"spec.pools.7.size"}, `{apiVersion: example.com/v1, kind: Farm, metadata: {name: web}, spec: {pools: []}}`, `spec.targetFilter.replicasPathList[0]: "spec.pools.7.size" in Farm "web": there is no "7"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			workload := workloadOf(t, tc.workload)
			ws := ledgerOf("a", targeting(workload.GetAPIVersion(), workload.GetKind())).Spread
			if tc.paths != nil {
				ws.Spec.TargetFilter = &v1alpha1.TargetFilter{ReplicasPathList: tc.paths}
			}
			target := spread.TargetOf(ws, workload)
			got := "unknown"
			if target.Replicas != nil {
				got = fmt.Sprint(*target.Replicas)
			}
			if target.ReplicasErr != nil {
				got = target.ReplicasErr.Error()
			}
			if target.Indexed {
				got += " indexed"
			}
			if target.FirstOrdinal != 0 {
				got += fmt.Sprintf(" from %d", target.FirstOrdinal)
			}
			if target.ReservedOrdinals != nil {
				got += fmt.Sprintf(" without %v", target.ReservedOrdinals)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got: %s", diff)
			}
		})
	}
}

// TestWantedOf: a wish is told from one that the controller may not have seen.
func TestWantedOf(t *testing.T) {
	cases := map[string]struct{ workload, want string }{
		"replica-set":      {`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {generation: 3}, spec: {replicas: 7}, status: {observedGeneration: 3}}`, "7"},
		"changed":          {`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {generation: 4}, spec: {replicas: 7}, status: {observedGeneration: 3}}`, "7 or what it wanted before"},
		"new":              {`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {generation: 1}, spec: {replicas: 7}}`, "7"},
		"job":              {`{apiVersion: batch/v1, kind: Job, metadata: {generation: 1}, spec: {parallelism: 3}}`, "3"},
		"changed-job":      {`{apiVersion: batch/v1, kind: Job, metadata: {generation: 2}, spec: {parallelism: 3}}`, "3 or what it wanted before"},
		"clone-set":        {`{apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, metadata: {generation: 1}, spec: {replicas: 10}, status: {observedGeneration: 1}}`, "10"},
		"clone-set-surges": {`{apiVersion: apps.kruise.io/v1alpha1, kind: CloneSet, metadata: {generation: 1}, spec: {replicas: 10, updateStrategy: {maxSurge: 25%}}, status: {observedGeneration: 1}}`, "13"},
		"other":            {`{apiVersion: example.com/v1, kind: Farm, metadata: {generation: 1}, spec: {replicas: 5}, status: {observedGeneration: 1}}`, "unknown"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := "unknown"
			n, settled, known := spread.WantedOf(workloadOf(t, tc.workload))
			if known {
				got = fmt.Sprint(n)
			}
			if known && !settled {
				got += " or what it wanted before"
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// workloadOf is decoded the way of API clients, with integers as int64.
func workloadOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	workload := &unstructured.Unstructured{}
	if err := workload.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return workload
}
