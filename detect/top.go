package detect

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"weir/decoder"
	"weir/detect/flood"
	"weir/detect/heavy"
	"weir/detect/keys"
	"weir/detect/window"
)

// TopConfig says which keys are counted for Engine.Top. The zero value of a
// field means its default.
//
// A shard takes the memory at its first flow sample: for each definition
// keys.Definition.Bytes(Entries), some 1.4 MB with 4096 entries, and 12.2
// MB for the default definitions; and 17 KB for each definition and window, on
// both sides of the hand-over.
type TopConfig struct {
	Off     bool              // no keys are counted
	Keys    []keys.Definition // default keys.Default()
	Entries int               // keys with a place, per definition and shard: a power of two; default 4096
}

// DefaultTopEntries is the default of TopConfig.Entries.
const DefaultTopEntries = 4096

// TopWindows are the windows that Engine.Top knows, ascending.
var TopWindows = [...]time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute}

// MaxTop is how many keys Engine.Top knows at least, where there are as many.
const MaxTop = 64

// Definitions returns the keys that are counted.
func (c *TopConfig) Definitions() []keys.Definition {
	switch {
	case c.Off:
		return nil
	case len(c.Keys) == 0:
		return keys.Default()
	}
	return c.Keys
}

// instances reports that some key tells instances apart.
func (c *TopConfig) instances() bool {
	defs := c.Definitions()
	return slices.ContainsFunc(defs, func(d keys.Definition) bool { return d.Instances() })
}

func (c *TopConfig) entries() int {
	if c.Entries == 0 {
		return DefaultTopEntries
	}
	return c.Entries
}

// Bytes returns the memory that counting takes in one shard.
func (c *TopConfig) Bytes() (n int) {
	for _, d := range c.Definitions() {
		n += d.Bytes(c.entries())
	}
	return n
}

// Least and most of TopConfig.Entries.
const (
	minTopEntries = 64
	maxTopEntries = 1 << 20
)

// Validate returns one line that names the setting, its value and the fix.
func (c *TopConfig) Validate() error {
	if n := c.entries(); n < minTopEntries || n > maxTopEntries || n&(n-1) != 0 {
		return fmt.Errorf("top entries %d: must be a power of two from %d to %d", n, minTopEntries, maxTopEntries)
	}
	defs := c.Definitions()
	seen := map[string]bool{}
	for i := range defs {
		if name := defs[i].String(); seen[name] {
			return fmt.Errorf("top key %q: is there twice; leave one out", name)
		} else {
			seen[name] = true
		}
	}
	_, err := keys.NewSet(defs, 8, 0)
	return err
}

// topShard is the part of a Shard that counts keys.
//
// Its digests end with the last slot of a full second, so that those of all
// shards are of the same windows. They are made from 100 ms after that second
// on, the shortest windows first and then a few per tick, and handed over as
// they are made.
type topShard struct {
	sort    string // of what is counted: digests of another sort mean other keys
	defs    []keys.Definition
	entries int
	seed    uint64
	set     *keys.Set // nil before the first flow sample
	since   int64     // ns of the oldest since the clock began; 0 before it
	ignored uint64    // samples whose frame length cannot be
	thin    window.Thinning
	inside  *flood.Inside // where samples are of packets counted elsewhere
	placed  *keys.Instances
	slot    int64 // of the last tick
	end     int64 // last slot of the windows being read
	next    int   // the next of their digests
	counts  []TopStats
	filling *topBatch

	ready *topBatch  // guarded by the shard's lock; nil once the engine took it
	spare *topBatch  // guarded; nil while the engine reads it
	stats []TopStats // guarded
}

// topBatch is what a shard hands over at a time.
type topBatch struct {
	sort    string
	empty   int64 // where not 0, nothing was counted for windows that end with this slot
	digests []topDigest
	n       int // of digests that are filled
}

// topDigest is one definition in one window.
type topDigest struct {
	definition, window int
	since              int64
	d                  *keys.Digest
}

// topTicks is over how many ticks the digests of a second are spread.
const topTicks = 8

func newTopShard(cfg *TopConfig, seed uint64) topShard {
	s := topShard{sort: cfg.sort(), defs: cfg.Definitions(), entries: cfg.entries(), seed: seed, thin: window.NewThinning(TopSamples, seed)}
	if n := len(s.defs); n > 0 {
		s.filling, s.spare = &topBatch{sort: s.sort}, &topBatch{sort: s.sort}
		s.counts, s.stats = make([]TopStats, n), make([]TopStats, n)
	}
	return s
}

// sort tells configurations apart by what they count.
func (c *TopConfig) sort() string {
	defs := c.Definitions()
	text := strconv.Itoa(c.entries())
	for i := range defs {
		text += "\n" + defs[i].String()
	}
	return text
}

// setConfig begins anew where other keys are to be counted: under the shard's
// lock.
func (s *topShard) setConfig(cfg *TopConfig) {
	if cfg.sort() != s.sort && cfg.Validate() == nil {
		inside, placed := s.inside, s.placed
		*s = newTopShard(cfg, s.seed)
		s.inside, s.placed = inside, placed
	}
}

// TopSamples is how many samples a second a shard counts the keys of, at least;
// of more it leaves some out by chance.
const TopSamples = 25_000

// sample counts a flow sample.
func (s *topShard) sample(f *decoder.Flow) {
	if len(s.defs) == 0 {
		return
	}
	if f.FrameLength == 0 || f.FrameLength > maxFrame {
		s.ignored++
		return
	}
	if s.set == nil {
		s.begin()
	}
	at := f.At.UnixNano()
	if s.since == 0 || at < s.since {
		s.since = at
	}
	slot := heavy.SlotOf(at)
	if times := s.thin.Next(slot); times > 0 {
		s.set.UpdateTimes(f, slot, times, s.inside != nil && s.inside.Again(f))
	}
}

// maxFrame is 64 KiB of payload and room for the headers of all layers.
const maxFrame = 64<<10 + 512

// begin takes the memory. The configuration has been validated.
func (s *topShard) begin() {
	set, err := keys.NewSet(s.defs, s.entries, s.seed)
	if err != nil {
		s.defs = nil
		set = &keys.Set{}
	}
	set.SetInstances(s.placed)
	s.set = set
}

// gather makes the digests that are due, outside of the lock.
func (s *topShard) gather(now time.Time) {
	if len(s.defs) == 0 {
		return
	}
	slot := heavy.SlotOf(now.UnixNano())
	if slot == s.slot {
		return
	}
	s.slot = slot
	const second = int64(time.Second / heavy.SlotLength)
	jobs := len(s.defs) * len(TopWindows)
	if end := (slot-1)/second*second - 1; end != s.end {
		s.end, s.next = end, 0
	}
	some := (jobs-len(s.defs)+topTicks-1)/topTicks + 1
	if s.next == 0 { // of 1 s all, because single slots are kept for little more
		some = len(s.defs)
	}
	for i := 0; i < some && s.next < jobs; i++ {
		if s.set == nil {
			s.filling.empty, s.next = s.end, jobs
			return
		}
		if !s.digest(s.next) {
			return
		}
		s.next++
	}
}

// digest makes one digest, false where the engine is so late that there is no
// room for it.
func (s *topShard) digest(job int) bool {
	b := s.filling
	if b.n >= 2*len(s.defs)*len(TopWindows) {
		return false
	}
	if b.n == len(b.digests) {
		b.digests = append(b.digests, topDigest{d: &keys.Digest{}})
	}
	d := &b.digests[b.n]
	b.n++
	d.definition, d.window, d.since = job%len(s.defs), job/len(s.defs), s.since
	s.set.Digest(d.definition, d.d, MaxTop, heavy.At(s.end, TopWindows[d.window]))
	if d.window == 0 {
		s.count(d.definition)
	}
	return true
}

func (s *topShard) count(i int) {
	c := s.set.Counts(i)
	s.counts[i] = TopStats{
		Definition: s.defs[i].String(), Keys: c.Keys, MaxKeys: c.MaxKeys, Evicted: c.Evicted, Missing: c.Missing, Again: c.Again,
		Overflowed: c.Overflowed, Buckets: c.Buckets, Histories: c.InHistory, MaxHistories: c.MaxHistories,
		Displaced: c.Displaced, Late: c.Late, Thinned: s.thin.Left, Bytes: s.defs[i].Bytes(s.entries),
	}
}

// tick hands over, under the shard's lock.
func (s *topShard) tick() {
	if len(s.defs) == 0 || s.ready != nil || s.spare == nil || s.filling.n == 0 && s.filling.empty == 0 {
		return
	}
	s.ready, s.filling, s.spare = s.filling, s.spare, nil
	copy(s.stats, s.counts)
}

func (s *topShard) reset() {
	if s.set != nil {
		s.set.Reset()
	}
	s.since, s.end, s.next = 0, 0, 0
	s.thin.Reset()
	if s.filling != nil {
		s.filling.reset()
	}
	if s.ready != nil {
		s.spare, s.ready = s.ready, nil
		s.spare.reset()
	}
}

func (b *topBatch) reset() { b.n, b.empty = 0, 0 }

// takeTops gives the engine what was handed over; giveTops returns it.
func (s *Shard) takeTops() *topBatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.tops.ready
	s.tops.ready = nil
	return b
}

func (s *Shard) giveTops(b *topBatch) {
	b.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.sort == s.tops.sort {
		s.tops.spare = b
	}
}

// TopStats are the running counts and the use of memory of one definition in a
// shard, as of the last second.
type TopStats struct {
	Definition   string
	Keys         int    // places used
	MaxKeys      int    // places present; 0 before the first flow sample
	Evicted      uint64 // keys that lost their place with something in the longest window
	Missing      uint64 // samples without one of the key's fields
	Again        uint64 // samples left out because their packet was sampled where it entered
	Late         uint64 // samples more than 1 s behind the newest
	Thinned      uint64 // samples left out by chance, those counted standing for them
	Overflowed   int    // buckets with an eviction within the longest window: those whose keys are not exact
	Buckets      int
	Histories    int // long pasts used
	MaxHistories int
	Displaced    uint64 // long pasts taken from a lighter key
	Bytes        int    // of memory
}

// TopStats returns the counts of every definition. It may be called from any
// goroutine.
func (s *Shard) TopStats() []TopStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]TopStats(nil), s.tops.stats...)
}
