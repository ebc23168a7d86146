// Package scene plays a short day of an installation for those who watch it: pods come
// and go, overflow into another cluster because own machines are full or have no room,
// and some things go wrong that alerts and dashboards are for.
//
//	stage.go  two control planes, two webhooks, one virtual node that is reached
//	          through package faults
//	acts.go   what happens, in order
//
// It refuses to judge: that metrics, queries and alerts show what happened is the
// business of whoever watches (packages live and cmd/dashboard).
package scene
