package capacity_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestParseTolerated(t *testing.T) {
	exists := corev1.TolerationOpExists
	cases := map[string]struct {
		taints  []string
		want    []corev1.Toleration
		wantErr string
	}{
		"none": {},
		"every-form": {
			taints: []string{"a=b:NoSchedule", "a=b", "a:NoExecute", "example.com/a", "a=:NoSchedule"},
			want: []corev1.Toleration{
				{Key: "a", Operator: corev1.TolerationOpEqual, Value: "b", Effect: corev1.TaintEffectNoSchedule},
				{Key: "a", Operator: corev1.TolerationOpEqual, Value: "b"},
				{Key: "a", Operator: exists, Effect: corev1.TaintEffectNoExecute},
				{Key: "example.com/a", Operator: exists},
				{Key: "a", Operator: corev1.TolerationOpEqual, Effect: corev1.TaintEffectNoSchedule},
			},
		},
		"unknown-effect":  {taints: []string{"a:Never"}, wantErr: `--tolerate-taints "a:Never": the effect is NoSchedule or NoExecute`},
		"harmless-effect": {taints: []string{"a:PreferNoSchedule"}, wantErr: "the effect is NoSchedule or NoExecute"},
		"empty-effect":    {taints: []string{"a:"}, wantErr: "the effect is NoSchedule or NoExecute"},
		"empty":           {taints: []string{""}, wantErr: `--tolerate-taints "": `},
		"no-key":          {taints: []string{"=b:NoSchedule"}, wantErr: `--tolerate-taints "=b:NoSchedule": `},
		"bad-key":         {taints: []string{"a b"}, wantErr: `--tolerate-taints "a b": `},
		"bad-value":       {taints: []string{"a=b c"}, wantErr: `--tolerate-taints "a=b c": `},
		"second-is-wrong": {taints: []string{"a", "b:Never"}, want: []corev1.Toleration{{Key: "a", Operator: exists}}, wantErr: `"b:Never"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := capacity.ParseTolerated("--tolerate-taints", tc.taints)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			wantError(t, err, tc.wantErr)
		})
	}
}

func TestParseResources(t *testing.T) {
	cases := map[string]struct {
		quantities map[string]string
		want       string
		wantErr    string
	}{
		"none": {},
		"several": {
			quantities: map[string]string{"cpu": "2500m", "memory": "4Gi", "nvidia.com/gpu": "1", "pods": "0", "ephemeral-storage": "7Ei"},
			want:       "cpu=2500m memory=4Gi nvidia.com/gpu=1 pods=0 ephemeral-storage=7Ei",
		},
		"whole-after-all": {quantities: map[string]string{"memory": "2000m"}, want: "memory=2"},
		"negative":        {quantities: map[string]string{"cpu": "-1"}, wantErr: "--reserve cpu=-1: less than nothing"},
		"fraction":        {quantities: map[string]string{"nvidia.com/gpu": "500m"}, wantErr: "--reserve nvidia.com/gpu=500m: not a whole number"},
		"no-quantity":     {quantities: map[string]string{"cpu": "much"}, wantErr: "--reserve cpu=much: not a quantity"},
		"empty":           {quantities: map[string]string{"cpu": ""}, wantErr: "--reserve cpu=: not a quantity"},
		"bad-name":        {quantities: map[string]string{"c p u": "1"}, wantErr: "--reserve c p u=1: "},
		"one-is-wrong":    {quantities: map[string]string{"cpu": "1", "memory": "-1"}, want: "cpu=1", wantErr: "--reserve memory=-1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := capacity.ParseResources("--reserve", tc.quantities)
			if diff := cmp.Diff(written(tc.want), plain(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			wantError(t, err, tc.wantErr)
		})
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if text == "" && err != nil {
		t.Errorf("unexpected error: %v", err)
	}
	if text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
		t.Errorf("error %v, want %q in it", err, text)
	}
}
