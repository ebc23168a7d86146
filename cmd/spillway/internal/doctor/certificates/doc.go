// Package certificates finds what is wrong with the certificates of the webhooks that
// are registered, as API servers see them.
//
//	entries.go   which webhooks are registered, and where API servers find them   pure
//	gather.go    what answers there: Services, replicas, certificates
//	ask.go       the certificate that a replica really serves
//	judge.go     what follows from that                                           pure
//	remedy.go    what to do about each cause                                      pure
//
// It judges certificates by package certs only, and refuses to guess: what it may
// not read, or cannot reach, was not looked at, and it says so.
package certificates
