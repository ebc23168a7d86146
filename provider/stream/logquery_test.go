package stream

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestParseLogQuery(t *testing.T) {
	noon := metav1.NewTime(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Local())
	cases := map[string]struct {
		reason string
		query  string
		want   corev1.PodLogOptions
		// code is that of the refusal, 0 for none.
		code int
	}{
		"nothing":   {"All of it.", "", corev1.PodLogOptions{}, 0},
		"tail-zero": {"No line is not the same as all lines.", "tailLines=0", corev1.PodLogOptions{TailLines: new(int64(0))}, 0},
		"everything": {
			"As API servers ask.", "follow=true&previous=true&timestamps=true&sinceSeconds=5&tailLines=10&limitBytes=1&stream=Stdout",
			corev1.PodLogOptions{
				Follow: true, Previous: true, Timestamps: true,
				SinceSeconds: new(int64(5)), TailLines: new(int64(10)), LimitBytes: new(int64(1)), Stream: new("Stdout"),
			},
			0,
		},
		"since-time":        {"In any zone.", "sinceTime=2026-11-21T13:00:00%2B01:00", corev1.PodLogOptions{SinceTime: &noon}, 0},
		"no":                {"Two values mean no.", "follow=false&previous=0&timestamps=FALSE", corev1.PodLogOptions{}, 0},
		"yes":               {"All others mean yes.", "follow=&previous=1&timestamps=no", corev1.PodLogOptions{Follow: true, Previous: true, Timestamps: true}, 0},
		"tail-old":          {"The old name wins.", "tail=3&tailLines=5", corev1.PodLogOptions{TailLines: new(int64(3))}, 0},
		"tail-old-all":      {"The old name has a word for it.", "tail=all&tailLines=5", corev1.PodLogOptions{}, 0},
		"unknown":           {"What newer API servers ask is ignored, as kubelets do.", "colour=red", corev1.PodLogOptions{}, 0},
		"tail-word":         {"Not a number.", "tailLines=some", corev1.PodLogOptions{}, http.StatusBadRequest},
		"limit-word":        {"Not a number.", "limitBytes=1k", corev1.PodLogOptions{}, http.StatusBadRequest},
		"since-time-word":   {"Not a time.", "sinceTime=yesterday", corev1.PodLogOptions{}, http.StatusBadRequest},
		"tail-negative":     {"kubectl sends nothing for --tail=-1.", "tailLines=-1", corev1.PodLogOptions{}, http.StatusUnprocessableEntity},
		"limit-zero":        {"Nothing can be shown.", "limitBytes=0", corev1.PodLogOptions{}, http.StatusUnprocessableEntity},
		"since-zero":        {"Nothing can be shown.", "sinceSeconds=0", corev1.PodLogOptions{}, http.StatusUnprocessableEntity},
		"since-both":        {"Which one is meant?", "sinceSeconds=1&sinceTime=2026-11-21T12:00:00Z", corev1.PodLogOptions{}, http.StatusUnprocessableEntity},
		"container-ignored": {"The path names the container.", "container=other", corev1.PodLogOptions{}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			query, err := url.ParseQuery(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseLogQuery(query)
			refused, _ := errors.AsType[refusal](err)
			if refused.code != tc.code {
				t.Fatalf("%s\nrefused with %d (%v), want %d", tc.reason, refused.code, err, tc.code)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
