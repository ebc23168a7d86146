// Package catalog knows all SidecarSets, compiled for admission. It watches
// them, and the ControllerRevisions that they pin, and compiles a set when it
// changes, so that no admission does.
//
// SidecarSets are watched as unstructured objects: the type would drop, unseen,
// fields that are newer than it is, and a set that is understood by half must
// not be injected.
//
// The package refuses to judge: what is wrong with a set is in the set, and is
// told when a pod was to get it.
package catalog
