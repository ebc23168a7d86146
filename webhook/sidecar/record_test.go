package sidecar

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

func recordIn(hash, withoutImage, list string) *corev1.Pod {
	annotations := map[string]string{api.SidecarSetHashAnnotation: hash, api.SidecarSetHashWithoutImageAnnotation: withoutImage, api.SidecarSetListAnnotation: list}
	maps.DeleteFunc(annotations, func(_, value string) bool { return value == "" })
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: annotations}}
}

// TestRecord: what is read, changed for one set and written again, in Kruise's
// shape to the byte.
func TestRecord(t *testing.T) {
	const (
		other        = `"other":{"updateTimestamp":"2025-01-01T00:00:00Z","hash":"o","sidecarSetName":"other","sidecarList":["b","a"],"controllerRevision":"other-1"}`
		otherWithout = `"other":{"updateTimestamp":"2025-01-01T00:00:00Z","hash":"p","sidecarSetName":"other","sidecarList":["b","a"]}`
		logs         = `"logs":{"updateTimestamp":"2026-01-02T03:04:05Z","hash":"h","sidecarSetName":"logs","sidecarList":["log","mon"],"controllerRevision":"logs-2"}`
		logsWithout  = `"logs":{"updateTimestamp":"2026-01-02T03:04:05Z","hash":"i","sidecarSetName":"logs","sidecarList":["log","mon"]}`
	)
	earlier := func(text string) string {
		return strings.ReplaceAll(text, "2026-01-02T03:04:05Z", "2025-05-05T05:05:05Z")
	}
	cases := map[string]struct {
		reason             string
		pod                *corev1.Pod
		revision           string
		hash, without, all string
	}{
		"new":               {"a pod without a record", &corev1.Pod{}, "logs-2", `{` + logs + `}`, `{` + logsWithout + `}`, "logs"},
		"beside":            {"other sets stay as they are, and are sorted", recordIn(`{`+other+`}`, `{`+otherWithout+`}`, "other"), "logs-2", `{` + logs + `,` + other + `}`, `{` + logsWithout + `,` + otherWithout + `}`, "logs,other"},
		"same":              {"the time is that of the first injection", recordIn(earlier(`{`+logs+`}`), earlier(`{`+logsWithout+`}`), "logs"), "logs-2", earlier(`{` + logs + `}`), earlier(`{` + logsWithout + `}`), "logs"},
		"revision-known":    {"the name of the revision comes later", recordIn(earlier(`{`+strings.Replace(logs, `,"controllerRevision":"logs-2"`, "", 1)+`}`), earlier(`{`+logsWithout+`}`), "logs"), "logs-2", earlier(`{` + logs + `}`), earlier(`{` + logsWithout + `}`), "logs"},
		"revision-unknown":  {"and is not forgotten", recordIn(earlier(`{`+logs+`}`), earlier(`{`+logsWithout+`}`), "logs"), "", earlier(`{` + logs + `}`), earlier(`{` + logsWithout + `}`), "logs"},
		"other-version":     {"another hash has another time", recordIn(earlier(`{`+strings.Replace(logs, `"h"`, `"g"`, 1)+`}`), earlier(`{`+strings.Replace(logsWithout, `"i"`, `"j"`, 1)+`}`), "logs"), "logs-2", `{` + logs + `}`, `{` + logsWithout + `}`, "logs"},
		"first-shape":       {"Kruise's first versions wrote hashes only", recordIn(`{"logs":"g","other":"o"}`, `{"logs":"j","other":"p"}`, "other,logs"), "logs-2", `{` + logs + `,"other":{"updateTimestamp":null,"hash":"o","sidecarSetName":"other","sidecarList":[]}}`, `{` + logsWithout + `,"other":{"updateTimestamp":null,"hash":"p","sidecarSetName":"other","sidecarList":[]}}`, "other,logs"},
		"first-shape-same":  {"it has no time, so it gets one", recordIn(`{"logs":"h"}`, `{"logs":"i"}`, "logs"), "logs-2", `{` + logs + `}`, `{` + logsWithout + `}`, "logs"},
		"one-of-three":      {"somebody lost the others", recordIn("", earlier(`{`+logsWithout+`}`), ""), "logs-2", `{` + logs + `}`, earlier(`{` + logsWithout + `}`), "logs"},
		"null":              {"JSON's nothing", recordIn("null", "{}", ","), "logs-2", `{` + logs + `}`, `{` + logsWithout + `}`, "logs"},
		"other-time-zones":  {"times are UTC", recordIn(strings.ReplaceAll(`{`+other+`}`, "2025-01-01T00:00:00Z", "2025-01-01T02:00:00+02:00"), `{`+otherWithout+`}`, "other"), "logs-2", `{` + logs + `,` + other + `}`, `{` + logsWithout + `,` + otherWithout + `}`, "logs,other"},
		"list-out-of-order": {"nothing is added, so it stays as it is", recordIn(`{`+logs+`}`, `{`+logsWithout+`}`, "zoo,logs"), "logs-2", `{` + logs + `}`, `{` + logsWithout + `}`, "zoo,logs"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := &Set{Object: &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "logs"}}, Hash: "h", HashWithoutImage: "i", Revision: tc.revision}
			want := map[string]string{api.SidecarSetHashAnnotation: tc.hash, api.SidecarSetHashWithoutImageAnnotation: tc.without, api.SidecarSetListAnnotation: tc.all}
			pod, given := tc.pod, maps.Clone(tc.pod.Annotations)
			for range 2 {
				record, err := ReadRecord(pod)
				if err != nil {
					t.Fatalf("%s: %v", tc.reason, err)
				}
				containers := []string{"mon", "log"}
				now := metav1.Time{Time: time.Date(2026, 1, 2, 4, 4, 5, 999, time.FixedZone("", 3600))}
				written, err := record.With(set, containers, now).Write(pod.Annotations)
				if diff := cmp.Diff(want, written); diff != "" || err != nil {
					t.Fatalf("%s: %v, -want +got: %s", tc.reason, err, diff)
				}
				if containers[0] != "mon" || !maps.Equal(pod.Annotations, given) {
					t.Fatalf("%s: an argument was modified", tc.reason)
				}
				pod, given = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: written}}, maps.Clone(written)
			}
		})
	}
}

// TestUnreadableRecord: the error names the annotation.
func TestUnreadableRecord(t *testing.T) {
	for _, value := range []string{"{", "[]", "1", `{"logs":1}`, `{"logs":{"hash":1}}`, `{"a":"b","logs":{}}`, `{"logs":{"updateTimestamp":"yesterday"}}`} {
		if _, err := ReadRecord(recordIn(value, "", "")); err == nil || !strings.Contains(err.Error(), `"kruise.io/sidecarset-hash"`) {
			t.Errorf("%s: %v", value, err)
		}
		if _, err := ReadRecord(recordIn("", value, "")); err == nil || !strings.Contains(err.Error(), `"kruise.io/sidecarset-hash-without-image"`) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// TestReadGiven: one set's part of a record is that of the whole, and what can be
// read counts even where the rest cannot.
func TestReadGiven(t *testing.T) {
	set := Compile(version(1), nil)
	set.Revision = "agents-1"
	written, err := Record{}.With(set, []string{"log"}, metav1.Time{}).Write(nil)
	if err != nil {
		t.Fatal(err)
	}
	hashes, withoutImage := written[api.SidecarSetHashAnnotation], written[api.SidecarSetHashWithoutImageAnnotation]
	cases := map[string]struct {
		reason                      string
		hashes, withoutImage        string
		revision, hash, hashNoImage string
		unreadable                  bool
	}{
		"Both":         {"a record of ours", hashes, withoutImage, "agents-1", set.Hash, set.HashWithoutImage, false},
		"Others":       {"a record of other sets", `{"other":{"hash":"a"}}`, `{"other":{"hash":"b"}}`, "", "", "", false},
		"Old":          {"Kruise's first shape", `{"agents":"a"}`, `{"agents":"b"}`, "", "a", "b", false},
		"NoHash":       {"nothing is known of it", "garbage", withoutImage, "", "", "", true},
		"NoOtherHash":  {"the revision is in use all the same", hashes, "garbage", "agents-1", set.Hash, "", true},
		"OtherGarbage": {"the record is read as a whole, or not", `{"agents":{"hash":"a"},"other":3}`, withoutImage, "", "", "", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := recordIn(tc.hashes, tc.withoutImage, "agents")
			got := ReadGiven(pod, "agents")
			if got.Entry.ControllerRevision != tc.revision || got.Entry.Hash != tc.hash || got.HashWithoutImage != tc.hashNoImage {
				t.Errorf("%s: %+v", tc.reason, got)
			}
			if _, err := ReadRecord(pod); (got.Err != nil) != tc.unreadable || (err != nil) != tc.unreadable {
				t.Errorf("%s: error %v, of the whole %v", tc.reason, got.Err, err)
			}
		})
	}
}
