package detect

import (
	"sync"
	"time"

	"weir/decoder"
)

// Shard is the hot path of all detectors. It belongs to one goroutine, which
// alone calls Flow, Tick, Urgent and Reset; the Engine takes what Tick hands
// over under the shard's lock.
type Shard struct {
	mu   sync.Mutex
	next *Config // set by SetConfig, picked up at the next Tick
}

// NewShard returns a shard. The seed keys its hashes: random in a live
// collector, because senders choose the keys; fixed in a replay.
func NewShard(cfg Config, seed uint64) *Shard { return &Shard{} }

// Flow counts one flow sample, whose Est the registry has filled. It keeps
// nothing of f and allocates nothing.
func (s *Shard) Flow(f *decoder.Flow) {}

// Urgent reports that since the last Tick some flow came halfway to an alert.
// The owner then calls Tick and wakes the Engine without waiting for the
// ticker, at most once every 5 ms.
func (s *Shard) Urgent() bool { return false }

// Tick hands over what the Engine must see. Call it every 100 ms, and when
// Urgent.
func (s *Shard) Tick(now time.Time) {}

// Reset forgets everything: the clock jumped. Call it together with
// Engine.Epoch.
func (s *Shard) Reset() {}

// SetConfig replaces the configuration at the next Tick, except for table
// sizes, which stay. It may be called from any goroutine.
func (s *Shard) SetConfig(cfg Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = &cfg
}

// ShardStats are running counts and the use of bounds, as of the last Tick.
type ShardStats struct {
	Samples      uint64 // flow samples counted
	NoKey        uint64 // ignored: header without a flow key
	BadLength    uint64 // ignored: frame length 0 or beyond 64 KiB and headers
	Late         uint64 // ignored: more than 1 s behind the newest sample
	Evicted      uint64 // keys that lost their place to another
	EvictedHot   uint64 // of these, such as were under a closer look
	LostSamples  uint64 // of hot keys, because the hand-over was full
	Keys, MaxKey int    // places used and present
}

// Stats returns the counts. It may be called from any goroutine.
func (s *Shard) Stats() ShardStats { return ShardStats{} }
