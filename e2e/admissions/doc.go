// Package admissions is what the commands that measure admission have in common: a
// pod as large as services' are, policies, null webhooks to compare with, and a client
// that asks webhooks as API servers do.
//
// It measures nothing, and registers nothing.
package admissions
