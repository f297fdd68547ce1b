package flood

import "math"

// baseline learns what is usual for one kind of packets at one victim: the
// 95th percentile of the rates over ten seconds, of the last hours. A few
// extremes do not move it, and it has a fixed size.
type baseline struct {
	counts [64]uint16 // by rate, in quarters of an octave
	total  uint32
	recent [recentBlocks]float32 // not learned yet: a flood may be rising
	queued int
}

const (
	blockSlots   = 100 // slots of 100 ms
	recentBlocks = 3
	learnBlocks  = 30   // blocks until the baseline holds: 5 minutes
	memoryBlocks = 4320 // 12 hours; then all counts are halved
	usual        = 0.95
	lowestRate   = -6 // log2 of the load of the first bucket
)

// push notes the load over one block; the one it queues last waits.
func (b *baseline) push(load float64) {
	if b.queued == recentBlocks {
		b.learn(float64(b.recent[0]), 1)
		copy(b.recent[:], b.recent[1:])
		b.queued--
	}
	b.recent[b.queued] = float32(load)
	b.queued++
}

// idle notes blocks without traffic.
func (b *baseline) idle(blocks int64) {
	for ; blocks > 0 && b.queued > 0; blocks-- {
		b.learn(float64(b.recent[0]), 1)
		copy(b.recent[:], b.recent[1:])
		b.queued--
	}
	if blocks > 0 {
		b.learn(0, uint32(min(blocks, memoryBlocks)))
	}
}

// forget drops what has not been learned: it was a flood.
func (b *baseline) forget() { b.queued = 0 }

func (b *baseline) learn(load float64, times uint32) {
	i := 0
	if load > 0 {
		i = int(min(max(4*(math.Log2(load)-lowestRate)+1, 0), float64(len(b.counts)-1)))
	}
	b.total += times
	b.counts[i] = uint16(min(uint32(b.counts[i])+times, math.MaxUint16))
	for b.total > memoryBlocks {
		b.total = 0
		for j := range b.counts {
			b.counts[j] /= 2
			b.total += uint32(b.counts[j])
		}
	}
}

// load returns what is usual, false as long as that is not known.
func (b *baseline) load() (float64, bool) {
	if b == nil || b.total < learnBlocks {
		return 0, false
	}
	above := uint32((1 - usual) * float64(b.total))
	for i := len(b.counts) - 1; i > 0; i-- {
		if c := uint32(b.counts[i]); c > above {
			return math.Exp2(float64(i)/4 + lowestRate), true
		} else {
			above -= c
		}
	}
	return 0, true
}
