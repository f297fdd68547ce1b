package detect

import (
	"sync"
	"time"

	"weir/decoder"
	"weir/detect/largeflow"
	"weir/detect/rules"
)

// Shard is the hot path of all detectors. It belongs to one goroutine, which
// alone calls Flow, Flows, Tick, Urgent and Reset; the Engine takes what Tick hands
// over under the shard's lock.
type Shard struct {
	table   *largeflow.Table
	off     bool
	noKey   uint64
	attacks attackShard
	rules   ruleShard
	links   linkShard
	tops    topShard
	seed    uint64
	one     [1]*decoder.Flow

	mu    sync.Mutex         // guards what follows
	ready []largeflow.Record // handed over; empty once the engine took it
	spare []largeflow.Record // for the next exchange; nil while the engine reads it
	next  *Config            // set by SetConfig, picked up at the next Tick
	stats ShardStats
}

// NewShard returns a shard. The seed keys its hashes: random in a live
// collector, because senders choose the keys; fixed in a replay.
func NewShard(cfg Config, seed uint64) *Shard {
	l := cfg.withDefaults().LargeFlow
	s := &Shard{
		table: largeflow.NewTable(l.thresholds(), l.Budget, l.Keys, seed),
		off:   l.Off,
		seed:  seed,
		spare: make([]largeflow.Record, 0, largeflow.HandOver),

		attacks: newAttackShard(cfg, seed),
		rules:   newRuleShard(cfg, seed),
		tops:    newTopShard(&cfg.Top, seed),
	}
	s.count()
	return s
}

// Flow counts one flow sample, whose Est the registry has filled. It keeps
// nothing of f and allocates nothing.
func (s *Shard) Flow(f *decoder.Flow) {
	s.one[0] = f
	s.Flows(s.one[:])
}

// Flows counts flow samples as Flow does, one after the other, at most
// decoder.FlowsKept. Together they cost less, because the memory answers for
// all at once.
func (s *Shard) Flows(all []*decoder.Flow) {
	for _, f := range all {
		s.tops.sample(f)
	}
	s.attacks.samples(all)
	if !s.rules.table.Idle() {
		for _, f := range all {
			s.rules.table.Sample(f, f.At.UnixNano())
		}
	}
	if !s.off {
		s.noKey += s.table.SampleAll(all)
	}
}

// Urgent reports that since the last Tick some flow came halfway to an alert.
// The owner then calls Tick and wakes the Engine without waiting for the
// ticker, at most once every 5 ms.
func (s *Shard) Urgent() bool { return s.table.Urgent() || s.attacks.urgent() }

// Tick hands over what the Engine must see: two buffers change places under
// the lock. While the engine still reads the last one, the table keeps its
// records for the next Tick. Call it every 100 ms, and when Urgent.
func (s *Shard) Tick(now time.Time) {
	s.tops.gather(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 && s.spare != nil {
		s.ready, s.spare = s.table.Take(s.spare), nil
		if len(s.ready) == 0 {
			s.spare = s.ready
		}
	}
	s.attacks.tick()
	s.rules.tick(now)
	s.links.tick()
	s.tops.tick()
	if s.next != nil {
		s.attacks.setConfig(s.next)
		s.rules.setConfig(s.next)
		s.tops.setConfig(&s.next.Top)
		l := s.next.LargeFlow
		s.table.SetThreshold(l.thresholds(), l.Budget)
		s.off, s.next = l.Off, nil
	}
	s.count()
}

// Reset forgets all flows, handed over or not: the clock jumped. The counts
// stay. Call it together with Engine.Epoch.
func (s *Shard) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.Reset()
	s.attacks.reset()
	s.rules.reset()
	s.tops.reset()
	s.links.gathered, s.links.ready = s.links.gathered[:0], s.links.ready[:0]
	s.ready = s.ready[:0]
	if s.spare == nil {
		s.spare = s.ready
	}
	s.count()
}

// take gives the engine the records handed over, and the number of links;
// give returns the records.
func (s *Shard) take() ([]largeflow.Record, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.ready
	s.ready = nil
	return r, s.stats.Links
}

func (s *Shard) give(r []largeflow.Record) {
	if r == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spare = r[:0]
}

// SetConfig replaces the configuration at the next Tick, except for table
// sizes, which stay. It may be called from any goroutine.
func (s *Shard) SetConfig(cfg Config) {
	cfg = cfg.withDefaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = &cfg
}

// ShardStats are running counts and the use of bounds, as of the last Tick.
type ShardStats struct {
	Rules         rules.TableStats // of the configured rules
	Samples       uint64           // flow samples counted
	NoKey         uint64           // ignored: a header without a flow key
	BadLength     uint64           // ignored: frame length 0, or beyond 64 KiB and headers
	Late          uint64           // ignored: more than 1 s behind the newest sample
	Evicted       uint64           // keys that lost their place to another
	EvictedHot    uint64           // of these, such as were under a closer look
	LostSamples   uint64           // of hot keys, because the hand-over was full
	Keys, MaxKeys int              // places used and present
	Links         int              // interfaces, in one direction, that flows were seen at
	RefusedLinks  uint64           // new flows at further interfaces, whose background is not learned
	Memory        Memory           // of this shard
	LostCounters  uint64           // interface counters, because the hand-over was full
	Refuted       uint64           // flows that looked large for a moment and clearly are not
}

func (s *Shard) count() {
	c := s.table.Counts
	used, places := s.table.Used()
	s.stats = ShardStats{
		Rules:   s.rules.stats,
		Samples: c.Samples, NoKey: s.noKey, BadLength: c.BadLength, Late: c.Late,
		Evicted: c.Evicted, EvictedHot: c.EvictedHot, LostSamples: c.LostSamples,
		Keys: used, MaxKeys: places,
		Links: s.table.Links(), RefusedLinks: c.RefusedLinks, Refuted: c.Refuted,
		LostCounters: s.links.lost,
		Memory:       s.memory(),
	}
}

// Stats returns the counts. It may be called from any goroutine.
func (s *Shard) Stats() ShardStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}
