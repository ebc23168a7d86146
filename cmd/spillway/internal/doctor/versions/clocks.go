package versions

import (
	"fmt"
	"time"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
)

// How far two clocks may be apart. Beyond the first, the times in events, conditions
// and annotations of the two clusters cannot be compared, nor when something is due
// that one clock decides and another one reads. The second is what API servers forgive
// in the times of ServiceAccount tokens; beyond it a fresh token is not yet valid, and
// a certificate may not be, depending on who made it.
const (
	noticeable = 10 * time.Second
	forgiven   = time.Minute
)

// Clock is how far one is ahead of this machine's.
type Clock struct {
	Name string
	// Ahead is negative for one that is behind.
	Ahead time.Duration
	// Within is how exactly that is known: either way.
	Within time.Duration
}

// JudgeClocks compares each with this machine's, and the others with the first, which
// is the upstream cluster's.
func JudgeClocks(clocks []Clock) []finding.Finding {
	var found []finding.Finding
	for i, c := range clocks {
		found = append(found, apart(c.Name, "this machine's", c.Ahead, c.Within, finding.Warning)...)
		if i > 0 {
			found = append(found, apart(c.Name, "that of "+clocks[0].Name, c.Ahead-clocks[0].Ahead, c.Within+clocks[0].Within, finding.Error)...)
		}
	}
	return found
}

// apart says how far two clocks differ for sure, and worst is how bad that can be.
func apart(name, other string, ahead, within time.Duration, worst finding.Severity) []finding.Finding {
	sure := max(ahead.Abs()-within, 0)
	if sure <= noticeable {
		return nil
	}
	f := finding.Finding{Severity: finding.Warning, Object: "the clock of " + name, Cause: "clock-skew"}
	if sure > forgiven {
		f.Severity = worst
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	f.Text = fmt.Sprintf("is %s %s %s: times of the two cannot be compared, and beyond %s fresh tokens and certificates may not be valid yet", sure.Round(time.Second), direction, other, forgiven)
	f.Fix = "have all machines follow the same time servers: chronyc tracking, or timedatectl, on those that run the API servers"
	return []finding.Finding{f}
}
