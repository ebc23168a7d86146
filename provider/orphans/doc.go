// Package orphans deletes downstream pods of ours that no upstream pod stands
// behind: their upstream pods were force-deleted, or went while nobody looked.
//
// One sweeper does it, on the leader, so that it can see how many they are. An
// upstream API server that was restored from a backup, or that answers for another
// cluster, makes all pods look like orphans.
//
//	witness which upstream pods' deletions the API server announced      (witness.go)
//	list    our downstream pods, and the upstream pods, from the caches; (sweeper.go)
//	        now and then the downstream API server's metadata, too
//	Judge   which are orphans, how many of how many                      (judge.go)
//	guard   mass deletions: list upstream again, withhold all but what   (guard.go, tell.go)
//	        was witnessed, tell
//	confirm each: read the upstream pod; delete by UID                   (remove.go)
//
// Pods that are being deleted upstream are no orphans: they stay there until
// their downstream pods are gone.
//
// The package refuses to delete what an upstream API server has not denied a
// moment before, to delete without a UID, and to delete most pods of the virtual
// node without either a witness of each upstream pod's deletion, or being told how
// many, by api.DeleteOrphansAnnotation.
package orphans
