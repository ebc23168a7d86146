// Package access compares what Spillway's processes may do in their clusters with
// what they did, as the audit logs of API servers tell it, so that roles are exactly
// as wide as the product needs.
//
//	uses := access.NewUses(holder)
//	uses.Read("stories", log)              // once for each audit log
//	grants, err := access.Expand(objects)  // ClusterRoles, Roles and their bindings
//	verdict := access.Judge(access.Evidence{Grants: grants, Uses: uses, Programs: programs}, exceptions)
//
// A grant is one verb on one resource in one rule; a use is one request, allowed or
// not. A grant that no allowed use needs is too much; a use that no grant covers is
// too little, whether it was refused or some other role happened to allow it. What
// was refused although it is granted is neither: somebody took a role away for a
// while, or it was not there yet.
//
// An exception says, with its reason, which grant cannot be seen in use, or only
// where a certain program ran; one that is not needed is a finding too.
//
// It refuses to talk to API servers and to know where logs and roles are. It knows
// RBAC's rules as far as roles here use them: aggregated ClusterRoles, and users in
// several groups, are no part of it.
package access
