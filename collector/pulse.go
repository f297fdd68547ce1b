package collector

import (
	"sync/atomic"
	"time"
)

// pulse says whether the goroutines that must live do: the shards, and the
// engine behind them.
type pulse struct {
	start time.Time
	last  []atomic.Int64 // ns since start, of each shard and then of the engine
}

// maxPulse is how long a goroutine may be at one thing: a busy machine may make
// it wait, longer than this is a hang.
const maxPulse = 10 * time.Second

func newPulse(shards int) *pulse {
	return &pulse{start: time.Now(), last: make([]atomic.Int64, shards+1)}
}

// beat is called by shard i, or by the engine, which comes after them.
func (p *pulse) beat(i int) { p.last[i].Store(int64(time.Since(p.start))) }

// alive reports whether all have beaten of late.
func (p *pulse) alive() bool {
	now := int64(time.Since(p.start))
	for i := range p.last {
		if now-p.last[i].Load() > int64(maxPulse) {
			return false
		}
	}
	return true
}
