// Package sidecarset is the controller of SidecarSets: the part of sidecars that
// is not in the way of an admission. For each SidecarSet, in one pass,
//
//	gather   its pods, as far as they opted in, and their nodes    (gather.go)
//	history  its revisions                                         (history.go)
//	report   its status, and conditions of pods                    (report.go)
//	roll     new images over its pods, as many as may be at a time (roll.go)
//
// What is to be done is decided by the values of package sidecar; this one reads,
// writes, and knows the time. A pass follows every event that matters; nothing
// polls.
//
// One replica does this, the leader. Every write says which version of the object
// it is about, and one that comes too late is decided anew. What it wrote itself
// it remembers until the cache shows it, so that no pod is counted as it was.
//
// The package refuses to do anything where another server of SidecarSets runs, to
// roll out a set that is not understood as a whole, and to create pods again: a
// set that changed in more than images is reported, and whoever owns the pods
// decides.
package sidecarset
