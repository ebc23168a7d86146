package sidecar

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// Record is what a pod's annotations say about the SidecarSets in it, by name.
type Record struct {
	// Hashes are about whole versions, HashesWithoutImage about all but images.
	Hashes, HashesWithoutImage map[string]Entry
	// Sets are the names of the sets, sorted. Sets that are not there any more stay
	// named, as their containers stay too.
	Sets []string
}

// Entry is what they say about one set.
type Entry struct {
	// UpdateTimestamp is when the version was put into the pod, to the second.
	UpdateTimestamp metav1.Time `json:"updateTimestamp"`
	// Hash identifies the version.
	Hash string `json:"hash"`
	// SidecarSetName is the name of the set.
	SidecarSetName string `json:"sidecarSetName"`
	// SidecarList names its containers that run beside the app, sorted. It is never
	// nil, so that it is written as a list.
	SidecarList []string `json:"sidecarList"`
	// ControllerRevision is the revision that has the version, if it is known.
	ControllerRevision string `json:"controllerRevision,omitempty"`
}

// ReadRecord reads a pod's record; a pod without one has an empty record. The
// error names the annotation that cannot be read.
func ReadRecord(pod *corev1.Pod) (Record, error) {
	hashes, err := readEntries(pod, api.SidecarSetHashAnnotation)
	if err != nil {
		return Record{}, err
	}
	withoutImage, err := readEntries(pod, api.SidecarSetHashWithoutImageAnnotation)
	if err != nil {
		return Record{}, err
	}
	return Record{Hashes: hashes, HashesWithoutImage: withoutImage, Sets: SetsIn(pod)}, nil
}

// Given is what a pod's record says about one set: the version that it was given.
type Given struct {
	// Entry is about the whole version, HashWithoutImage about all but images. They
	// are zero where the record does not have the set.
	Entry            Entry
	HashWithoutImage string
	// Err is why ReadRecord cannot read the record; what it could is there still.
	Err error
}

// ReadGiven reads of a pod's record what is about one set. It depends on nothing
// but the name of the set and the pod's annotations about hashes.
func ReadGiven(pod *corev1.Pod, set string) Given {
	hashes, err := readEntries(pod, api.SidecarSetHashAnnotation)
	if err != nil {
		return Given{Err: err}
	}
	withoutImage, err := readEntries(pod, api.SidecarSetHashWithoutImageAnnotation)
	return Given{Entry: hashes[set], HashWithoutImage: withoutImage[set].Hash, Err: err}
}

// SetsIn are the names of the sets that a pod says are in it.
func SetsIn(pod *corev1.Pod) []string {
	var names []string
	for name := range strings.SplitSeq(pod.Annotations[api.SidecarSetListAnnotation], ",") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// readEntries also reads the shape {"set":"hash"} of Kruise's first versions.
func readEntries(pod *corev1.Pod, annotation string) (map[string]Entry, error) {
	value, ok := pod.Annotations[annotation]
	if !ok {
		return nil, nil
	}
	var entries map[string]Entry
	err := json.Unmarshal([]byte(value), &entries)
	if err == nil {
		return entries, nil
	}
	var hashes map[string]string
	if json.Unmarshal([]byte(value), &hashes) != nil {
		return nil, fmt.Errorf("cannot read the annotation %q: %w", annotation, err)
	}
	entries = make(map[string]Entry, len(hashes))
	for set, hash := range hashes {
		entries[set] = Entry{Hash: hash, SidecarSetName: set, SidecarList: []string{}}
	}
	return entries, nil
}

// With returns the record with set at a version: its containers that run beside
// the app, and when they were put there. A record that says so already keeps its
// time.
func (r Record) With(set *Set, containers []string, now metav1.Time) Record {
	entry := Entry{
		UpdateTimestamp: toSecond(now.Time),
		Hash:            set.Hash,
		SidecarSetName:  set.Name(),
		SidecarList:     append([]string{}, containers...),
	}
	slices.Sort(entry.SidecarList)
	entry.ControllerRevision = set.Revision
	r.Hashes = withEntry(r.Hashes, entry)
	entry.Hash, entry.ControllerRevision = set.HashWithoutImage, ""
	r.HashesWithoutImage = withEntry(r.HashesWithoutImage, entry)
	if !slices.Contains(r.Sets, set.Name()) {
		r.Sets = slices.Sorted(slices.Values(append(slices.Clip(r.Sets), set.Name())))
	}
	return r
}

func withEntry(entries map[string]Entry, entry Entry) map[string]Entry {
	had, ok := entries[entry.SidecarSetName]
	if ok && had.Hash == entry.Hash && !had.UpdateTimestamp.IsZero() {
		entry.UpdateTimestamp = had.UpdateTimestamp
		// The name of the first revision may not be known yet.
		if entry.ControllerRevision == "" {
			entry.ControllerRevision = had.ControllerRevision
		}
	}
	entries = maps.Clone(entries)
	if entries == nil {
		entries = make(map[string]Entry, 1)
	}
	entries[entry.SidecarSetName] = entry
	return entries
}

// Write writes the record into annotations, which it returns.
func (r Record) Write(annotations map[string]string) (map[string]string, error) {
	hashes, err := json.Marshal(r.Hashes)
	if err != nil {
		return nil, fmt.Errorf("cannot write the annotation %q: %w", api.SidecarSetHashAnnotation, err)
	}
	withoutImage, err := json.Marshal(r.HashesWithoutImage)
	if err != nil {
		return nil, fmt.Errorf("cannot write the annotation %q: %w", api.SidecarSetHashWithoutImageAnnotation, err)
	}
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = make(map[string]string, 3)
	}
	annotations[api.SidecarSetHashAnnotation] = string(hashes)
	annotations[api.SidecarSetHashWithoutImageAnnotation] = string(withoutImage)
	annotations[api.SidecarSetListAnnotation] = strings.Join(r.Sets, ",")
	return annotations, nil
}

// toSecond is a time as objects have it.
func toSecond(t time.Time) metav1.Time { return metav1.Time{Time: t.UTC().Truncate(time.Second)} }
