// Package keeper is the shell around package certs: it watches the Secret of
// certificates, serves the newest one in every replica, has the leader renew it, keeps
// the caBundle of webhook configurations, and judges in every replica whether API
// servers can accept what is served.
//
//	Keeper          every replica    one Secret, watched   -> GetCertificate
//	Leader          the elected one  Secret, configurations -> certs.Plan -> Secret, caBundles
//	Judge           every replica    configurations, GetCertificate -> certs.Diagnose -> logs, metrics
//
// Configurations are read by name every few seconds, not watched: a watch that broke
// in silence would leave API servers without a caBundle, the poll costs four small
// requests, and the right to read single objects is enough for it.
//
// The package refuses to create or delete Secrets and configurations, to touch
// anything of a configuration but the caBundle of entries that are ours by name, and
// to log what is in the Secret.
package keeper
