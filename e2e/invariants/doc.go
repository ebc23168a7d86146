// Package invariants says whether Spillway kept its word: it watches an upstream
// cluster and the downstream clusters of its virtual nodes, and finds what must
// never happen.
//
//	Ledger   observations to violations; pure, no clock, no client   (ledger.go)
//	Witness  watches of its own that feed a Ledger                   (witness.go)
//
// What must hold, each in a file of its own:
//
//	OneStart    of an upstream pod at most one downstream pod was ever
//	            started, and each container of it once for each image  (starts.go)
//	Kept        no downstream pod went, or was asked to go, while its
//	            upstream pod lived                                     (kept.go)
//	Lived       no upstream pod failed or went but those that the
//	            scenario takes away                                    (lived.go)
//	Untouched   no object that is not ours changed downstream          (untouched.go)
//	Completed   each index of an Indexed Job started and succeeded
//	            exactly once, but for pairs that its controller made
//	            while the API server went down                         (completed.go, unanswered.go)
//	Identity    no two pods of one StatefulSet identity were Running
//	            at a time                                              (identity.go)
//	Agreement   both clusters say the same of each pod                 (agreement.go)
//
// All but Agreement hold always. Clusters that are changed need a moment to agree,
// and longer while a fault lasts, so the Ledger tells since when each pod disagrees,
// and whoever made the fault judges.
//
// Watches of two clusters are not ordered. Where an invariant speaks of both at one
// time, what looks wrong is a doubt first, until a list that was asked for later
// proves it: a pod that is alive then was alive before.
//
// The package refuses to know Spillway by anything but the keys of package api, to
// look through a proxy that makes faults, and to repair anything. It does not see a
// pod that comes and goes while an API server that was restarted is listed anew,
// nor containers, only what kubelets say of them.
package invariants
