// Package storage gives the claims of upstream pods their volumes in the
// downstream cluster, and upstream claims the look that they would have if the
// volumes were there. Volumes come into being in three ways:
//
//	carried      The upstream claim is bound to a volume that means the same in the
//	             downstream cluster: a directory of one of its nodes (local,
//	             hostPath) or NFS. It gets a copy there, and the claim one that is
//	             bound to the copy. That happens when a pod needs it.
//	provisioned  The claim's class has the provisioner api.Provisioner, and the
//	             upstream scheduler selected this virtual node for it. A claim is
//	             created downstream, and then an upstream volume that stands for it.
//	ephemeral    The same, for the claim of a pod's generic ephemeral volume. The
//	             downstream cluster makes such a claim by itself, so here only the
//	             upstream volume is created, and removed when it is released.
//
// It is level-triggered, as package pods is: the claims controller looks at one
// upstream claim, and Prepare at each claim of a pod that is about to be created
// downstream. Both gather a World, let Plan decide, and apply what it says.
//
// # State table
//
// "Ours" means that the downstream object carries all ownership marks of this
// virtual node. The first row that fits holds. In rows with "!" a pod has to wait.
//
//	row          upstream claim                     downstream                  action
//	───────────  ─────────────────────────────────  ──────────────────────────  ─────────────────────────────
//	missing   !  gone (confirmed), but a pod needs it                           none
//	forget       gone; released volume to delete                                delete the upstream volume
//	leftover     gone                               claim ours                  keep it, say so
//	nothing      gone                               otherwise                   none
//	deleting  !  being deleted, but a pod needs it                              none
//
//	             of our provisioner, without a volume
//	immediate !  class binds at once                                            say so
//	unbound   !  other node selected, or none                                   none
//	unsuitable!  asks for what cannot be given                                  say so
//	predecessor! this node selected                 claim ours, of another UID  say so
//	conflict  !  this node selected                 claim foreign               say so
//	claim        this node selected                 no claim (confirmed)        create the claim
//	provision !  this node selected (confirmed)     claim ours, or ephemeral    create the upstream volume
//
//	unbound   !  not bound yet (confirmed, if a pod needs it)                   none
//	elsewhere !  bound, on other nodes                                          none
//
//	             bound to a volume that was provisioned here
//	nothing      ephemeral                                                      none
//	lost      !  otherwise                          no claim (confirmed)        say so
//	conflict  !  otherwise                          claim foreign               say so
//	mirror       otherwise                          claim ours                  expand it; report its capacity
//
//	             bound to another volume, and a pod needs it
//	unsupported! of a type that cannot be carried                               none
//	conflict  !                                     claim or copy foreign       none
//	predecessor!                                    either of an earlier one    none
//	released  !                                     copy ours, released         none
//	unplaced  !  a directory, but of which node?    no copy (confirmed)         none
//	volume       otherwise                          no copy (confirmed)         create the copy
//	claim        otherwise                          no claim (confirmed)        create the claim
//	carried      otherwise                          both ours                   none
//
// That a downstream claim is created before its upstream volume is what makes
// "lost" certain: a bound claim had one. It is never created again, since an
// empty volume would pass for the lost one.
//
// The package refuses to delete, shrink or overwrite anything that can hold data,
// in either cluster: it has no code and needs no permission for that. What is
// left downstream when an upstream claim goes is listed by Leftovers.
package storage
