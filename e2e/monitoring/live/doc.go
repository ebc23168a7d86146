// Package live holds what is asked of metrics against a real Prometheus that scrapes
// real processes: every panel of the dashboard shows something, every query of
// docs/monitoring.md answers, every alert can be judged, and those fire that should.
//
// It refuses to say what a metric means: what is declared, asked for and documented is
// held together by package monitoring, which needs no process.
package live
