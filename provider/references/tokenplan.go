package references

import (
	"time"

	"github.com/spillway-io/spillway/api"
)

// longestRefresh is how long a token is used at most, however long it would live; a
// kubelet's rule.
const longestRefresh = 24 * time.Hour

// RefreshAt is when to replace a token: after 80 % of its lifetime, or after 24 h.
// It is a kubelet's rule.
func RefreshAt(issued, expires time.Time) time.Time {
	return issued.Add(min(expires.Sub(issued)*8/10, longestRefresh))
}

// PlanToken decides about the Secret of a pod's tokens, and when to decide again.
// Unlike a copy, whose every unknown version is written again, a Secret of tokens is
// trusted after a restart: else each restart would ask for all tokens of all pods.
func PlanToken(s Situation, now time.Time) Action {
	switch {
	case s.Copy != nil && !s.Owned:
		return Action{Verb: Leave, State: Conflict, Again: conflictRetry}
	case s.Fresh:
		return Action{Verb: Leave, State: Ready, Again: settling}
	case s.Copy == nil:
		return Action{Verb: Create, State: Ready}
	}
	due, err := time.Parse(time.RFC3339, s.Copy.GetAnnotations()[api.TokenRefreshAnnotation])
	changed := s.Settled != Versions{} && s.Settled.Copy != versionOf(s.Copy)
	switch {
	case err == nil && !changed && now.Before(due):
		return Action{Verb: Leave, State: Ready, Again: due.Sub(now)}
	case changed && s.Corrected:
		return Action{Verb: Leave, State: Ready, Again: correctionPause}
	default:
		return Action{Verb: Update, State: Ready}
	}
}

func refreshNote(due time.Time) map[string]string {
	return map[string]string{api.TokenRefreshAnnotation: due.UTC().Format(time.RFC3339)}
}
