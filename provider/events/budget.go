package events

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
)

const (
	// podBurst is how many writes a pod's events may cause at once, and podRate how
	// many in the long run, each second. Components that record events allow
	// themselves 25 for each object too, and one in five minutes afterwards; a pod
	// has several of them.
	podBurst = 25
	podRate  = 1.0 / 60
	// rememberedPods bounds the memory for that. A pod that was forgotten may begin
	// anew.
	rememberedPods = 4096
)

// budget bounds the writes for each pod. It may be used by several goroutines.
type budget struct {
	pods  *lru.Cache
	clock clock.PassiveClock
}

func newBudget(clock clock.PassiveClock) *budget {
	return &budget{pods: lru.New(rememberedPods), clock: clock}
}

// spend takes one write off the pod's budget, if it has one left.
func (b *budget) spend(pod types.UID) bool {
	if known, ok := b.pods.Get(pod); ok {
		return known.(flowcontrol.PassiveRateLimiter).TryAccept() //nolint:forcetypeassert // Nothing else is put in.
	}
	limiter := flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(podRate, podBurst, b.clock)
	b.pods.Add(pod, limiter)
	return limiter.TryAccept()
}
