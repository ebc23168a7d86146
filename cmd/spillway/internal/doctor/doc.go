// Package doctor finds what is wrong with an installation, as a cluster's API server
// sees it. It looks, and never changes anything.
//
//	entries.go   which webhooks are registered, and where API servers find them   pure
//	gather.go    what answers there: Services, replicas, certificates
//	dial.go      the certificate that a replica really serves
//	judge.go     what follows from that: findings                                 pure
//	remedy.go    what to do about each cause                                      pure
//	report.go    how it is said                                                   pure
//	roles.go     what a virtual node needs downstream, to be applied there        pure
//
// It judges certificates by package certs only, and refuses to guess: what it may
// not read, or cannot reach, is a finding that says so.
package doctor
