// Package sharing has cached pods share what is equal in them: pods of one workload
// differ by little more than their names, UIDs, addresses and times, and decoding gives
// each of them everything anew.
//
//	pods.go   which parts of a pod are worth it
//	pool.go   what was seen lately, to be found by its content
//
// A pod is afterwards what it was before, semantically: an empty list or map may have
// become none. What is shared must not be modified, as nothing in a cache may be.
//
// The package refuses to drop anything, and to remember what does not recur.
package sharing
