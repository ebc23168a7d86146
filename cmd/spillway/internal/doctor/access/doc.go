// Package access finds which rights are missing: upstream of the ServiceAccounts that
// Spillway's processes run as, downstream of whom a virtual node is there.
//
//	roles.go    what a virtual node needs downstream, to be applied there   pure
//	granted.go  what the chart grants upstream, rendered by a test          pure
//	rules.go    a role as questions, one for each right                     pure
//	gather.go   asks the API servers' authorizers
//	judge.go    what it means that a right is missing                       pure
//
// The roles are those of the chart's own files, which a test renders; nobody keeps a
// second list. It refuses to grant anything.
package access
