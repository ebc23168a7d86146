package workloadspread

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/spread"
)

// Reasons of the events about a subset; they are those of its condition.
const (
	reasonSubsetUnschedulable = "SubsetUnschedulable"
	reasonSubsetProbing       = "SubsetProbing"
	reasonSubsetRecovered     = "SubsetRecovered"
)

// report writes the status if it is another one, with the version that was
// read: what the webhook reserved meanwhile must not be lost.
func (p *pass) report(ctx context.Context) error {
	ws := p.view.Spread
	began := p.clock.Now()
	report := p.view.Report()
	p.worked(began)
	p.lookAt(report.Wake)
	p.memory.subsets = p.metrics.report(p.key, p.memory.subsets, report.Status.SubsetStatuses)
	if !report.News {
		return nil
	}
	if next := p.memory.wrote.Add(writePause); p.view.Now.Before(next) {
		p.lookAt(next)
		return nil
	}
	p.memory.wrote = p.view.Now
	after := ws.DeepCopy()
	after.Status = report.Status
	err := p.client.Status().Patch(ctx, after, client.MergeFromWithOptions(ws, client.MergeFromWithOptimisticLock{}))
	switch {
	case apierrors.IsConflict(err):
		p.lookAt(p.view.Now.Add(writePause))
		return nil
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("cannot write the status: %w", err)
	}
	p.memory.note(report.Changes, p.clock.Now())
	for _, change := range report.Changes {
		p.announce(change)
	}
	return nil
}

// announce tells of a subset that was closed, probed or opened again.
func (p *pass) announce(c spread.Change) {
	switch c.To {
	case corev1.ConditionFalse:
		p.events.Eventf(p.view.Spread, nil, corev1.EventTypeWarning, reasonSubsetUnschedulable, "Close",
			"%s", eventnote.Format("New pods pass over subset %q for %s: %s", c.Subset, p.backoff.After(p.memory.closings[c.Subset]), c.Message))
	case corev1.ConditionUnknown:
		p.events.Eventf(p.view.Spread, nil, corev1.EventTypeNormal, reasonSubsetProbing, "Probe",
			"One pod at a time may try subset %q again", c.Subset)
	case corev1.ConditionTrue:
		if c.From != "" {
			p.events.Eventf(p.view.Spread, nil, corev1.EventTypeNormal, reasonSubsetRecovered, "Open",
				"Subset %q can schedule pods again", c.Subset)
		}
	}
}
