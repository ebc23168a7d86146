// Package leftovers shows what is downstream without anything upstream: pods, copies
// of ConfigMaps and Secrets, claims with data, and what belongs to virtual nodes that
// are no more. It is a preview: what the virtual node would delete, and why it does
// not, and what nobody deletes but people.
//
//	gather.go  lists both clusters
//	judge.go   what of it is left over, by the rules of those who delete   pure
//
// It refuses to delete anything, and has no rules of its own about what is left over.
package leftovers
