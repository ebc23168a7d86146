package allocate

import (
	"context"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"

	"github.com/spillway-io/spillway/webhook/spread"
)

const (
	// maxBatch bounds how many pods are decided together.
	maxBatch = 512
	// batchTimeout bounds a batch, tries included. It must leave an API server
	// that waits for two batches within admissionTimeoutSeconds.
	batchTimeout = 4 * time.Second
	// liveTimeout bounds how long a batch reads pods from the API server, so that there is
	// time left to record what is decided without them.
	liveTimeout = 2 * time.Second
)

// line is where the pods of one WorkloadSpread wait. There is a line as long as
// a batch is under way; all but its first pods wait for the next one.
type line struct {
	waiting []*ticket
}

// ticket is one pod in line.
type ticket struct {
	request spread.Request
	// ws is the WorkloadSpread as the pod met it. The batch is of the latest that any
	// of its pods met: one that waited long to lead may have met an old one.
	ws *v1alpha1.WorkloadSpread
	// answer gets the decision; lead is closed instead when the pod is to lead
	// the next batch, its own.
	answer chan spread.Decision
	lead   chan struct{}
}

// inLine has the pod decided together with all that wait for the same
// WorkloadSpread. The first pod leads its batch, and when it is done hands over
// to the first of those that came meanwhile: no goroutine outlives a request.
func (a *Allocator) inLine(ctx context.Context, ws *v1alpha1.WorkloadSpread, r spread.Request) spread.Decision {
	t := &ticket{request: r, ws: ws, answer: make(chan spread.Decision, 1), lead: make(chan struct{})}
	a.mu.Lock()
	l, underWay := a.lines[ws.UID]
	if underWay {
		l.waiting = append(l.waiting, t)
	} else {
		l = &line{waiting: []*ticket{t}}
		a.lines[ws.UID] = l
		close(t.lead)
	}
	a.mu.Unlock()

	// There is no waiting for ctx here: each batch is bounded, and one that was
	// asked to lead must.
	select {
	case d := <-t.answer:
		return d
	case <-t.lead:
	}
	defer a.handOver(ws, l)
	// The batch is that of others, too, whose requests may have more time left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
	defer cancel()
	a.lead(ctx, ws, l)
	return <-t.answer
}

// lead decides for all in line.
func (a *Allocator) lead(ctx context.Context, ws *v1alpha1.WorkloadSpread, l *line) {
	b := &batch{Allocator: a, line: l, ws: ws}
	b.admitMore()
	// Whatever happens in between, nobody waits for ever.
	defer func() { b.answerAll(errNoDecision) }()
	if err := b.decide(ctx); err != nil {
		b.answerAll(err)
	}
}

// handOver has the first of those in line lead the next batch.
func (a *Allocator) handOver(ws *v1alpha1.WorkloadSpread, l *line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(l.waiting) == 0 {
		delete(a.lines, ws.UID)
		return
	}
	close(l.waiting[0].lead)
}

// take removes those in line, no more than most.
func (a *Allocator) take(l *line, most int) []*ticket {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(l.waiting), most)
	taken := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return taken
}
