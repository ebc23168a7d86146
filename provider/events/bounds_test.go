package events

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestInboxIsBounded: a storm of events takes no more room than maxHeld, and the
// events that are waiting still get their latest counts.
func TestInboxIsBounded(t *testing.T) {
	b := newInbox()
	defer b.queue.ShutDown()
	event := func(i int, count int32) news {
		return news{Event: &corev1.Event{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint(i))}, Count: count}}
	}
	taken := 0
	for i := range 10 * maxHeld {
		if b.put(event(i, 1)) {
			taken++
		}
	}
	if taken != maxHeld || len(b.held) != maxHeld || b.queue.Len() != maxHeld {
		t.Fatalf("of %d events %d were taken, %d are held and %d queued, want %d", 10*maxHeld, taken, len(b.held), b.queue.Len(), maxHeld)
	}
	if !b.put(event(0, 2)) {
		t.Error("the next version of an event that waits was not taken")
	}
	first, _ := b.latest("0")
	if first.Count != 2 {
		t.Errorf("the latest version has count %d, want 2", first.Count)
	}
	b.put(event(0, 3))
	b.done(first)
	left, held := b.latest("0")
	if !held || left.Count != 3 {
		t.Errorf("after an earlier version was written, %v is left, want count 3", left)
	}
	b.done(left)
	if !b.put(event(maxHeld+1, 1)) {
		t.Error("there is no room after an event was written")
	}
}

// TestBudget: a pod may cause a burst and then a write a minute; others are not
// affected.
func TestBudget(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(noon)
	b := newBudget(now)
	spend := func(pod types.UID) (spent int) {
		for range 100 {
			if b.spend(pod) {
				spent++
			}
		}
		return spent
	}
	if spent := spend("loud"); spent != podBurst {
		t.Errorf("%d writes at once, want %d", spent, podBurst)
	}
	if spent := spend("quiet"); spent != podBurst {
		t.Errorf("another pod has %d writes, want %d", spent, podBurst)
	}
	now.SetTime(noon.Add(2*time.Minute + time.Second))
	if spent := spend("loud"); spent != 2 {
		t.Errorf("%d writes after two minutes, want 2", spent)
	}
	for i := range 2 * rememberedPods {
		b.spend(types.UID(fmt.Sprint(i)))
	}
	if b.pods.Len() > rememberedPods {
		t.Errorf("%d pods are remembered, want at most %d", b.pods.Len(), rememberedPods)
	}
}

// TestRoutineEventsLeaveRoom: while many pods start, what went wrong is still told,
// and at once.
func TestRoutineEventsLeaveRoom(t *testing.T) {
	b := newInbox()
	defer b.queue.ShutDown()
	event := func(i int, kind, reason string) news {
		return news{Event: &corev1.Event{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint(i))}, Type: kind, Reason: reason}}
	}
	taken := 0
	for i := range maxHeld {
		if b.put(event(i, corev1.EventTypeNormal, "Pulled")) {
			taken++
		}
	}
	if taken != maxRoutine || b.queue.Len() != 0 {
		t.Errorf("%d routine events were taken, %d to be written at once, want %d and 0", taken, b.queue.Len(), maxRoutine)
	}
	if !b.put(event(maxHeld, corev1.EventTypeWarning, "Failed")) || b.queue.Len() != 1 {
		t.Errorf("a warning was not taken, or is not to be written at once")
	}
}
