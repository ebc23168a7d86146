package claim

import "time"

const (
	// renewEvery is the pause between two renewals, counted from their beginnings.
	renewEvery = 2 * time.Second
	// lookEvery is the pause between two looks at a claim that is not held, and
	// between two tries to renew one that could not be.
	lookEvery = time.Second
	// goodFor is how long the holder may write after it has sent a renewal that
	// succeeded. Two renewals fit in, of an API server that takes 5 s for each.
	goodFor = 10 * time.Second
	// silence is how long others must see no renewal before the claim is free.
	// It is longer than goodFor, for requests that are under way, and shorter than
	// the 15 s after which a crashed leader is succeeded, by more than a look.
	silence = 12 * time.Second
	// usualWait is after which time it is told that the claim is waited for: a crashed
	// holder's has run out by then.
	usualWait = silence + 2*lookEvery
	// longestSilence bounds what a Lease may ask for: it is for anybody to edit.
	longestSilence = time.Minute
	// proof is how many renewals show that the holder is alive. One may have been
	// under way when its sender ended.
	proof = 2
)

// Record is what a Lease says about the claim. The zero value is a Lease that does
// not exist.
type Record struct {
	// Foreign is a Lease without the virtual node's marks.
	Foreign bool
	// Holder is empty when the claim is free.
	Holder string
	// Renewed is by the holder's clock: two of them are equal or not, and nothing
	// else can be said of them.
	Renewed time.Time
	// Silence is after which time without a renewal the claim is free.
	Silence time.Duration
}

// Sight is what this process has seen of the claim.
type Sight struct {
	Record Record
	// Since is when it saw the record first, by its own clock.
	Since time.Time
	// Leading says that it was the leader already when it last looked.
	Leading bool
	// Renewals are how many it has seen from this holder as the leader.
	Renewals int
}

// Next is what has been seen after another look at now.
func (s Sight) Next(record Record, leading bool, now time.Time) Sight {
	next := Sight{Record: record, Since: now, Leading: leading}
	if record.Holder != s.Record.Holder {
		return next
	}
	next.Renewals = s.Renewals
	switch {
	case record.Renewed.Equal(s.Record.Renewed) && !s.Since.IsZero():
		next.Since = s.Since
	case s.Leading && leading:
		next.Renewals++
	}
	return next
}

// Verdict is what to do about the claim.
type Verdict int

const (
	// Watch it: another process of the virtual node is the leader.
	Watch Verdict = iota
	// Take it: it is free, has run out, or is ours already.
	Take
	// Wait until it is clear whether its holder is alive.
	Wait
	// Refuse to go on: its holder is alive.
	Refuse
	// Leave it alone: the Lease is not ours, and writes wait until it is gone.
	Leave
)

// Judge says what the process named me has to do about the claim, and when to look
// again at the latest.
func Judge(seen Sight, me string, now time.Time) (Verdict, time.Duration) {
	runsOut := seen.Since.Add(seen.Record.Silence).Sub(now)
	switch {
	case !seen.Leading:
		return Watch, lookEvery
	case seen.Record.Foreign:
		return Leave, lookEvery
	case seen.Record.Holder == "" || seen.Record.Holder == me:
		return Take, 0
	case seen.Renewals >= proof:
		return Refuse, 0
	case runsOut <= 0:
		return Take, 0
	default:
		return Wait, min(runsOut, lookEvery)
	}
}
