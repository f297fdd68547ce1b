package rules

import (
	"weir/decoder"
	"weir/detect/heavy"
	"weir/detect/keys"
	"weir/detect/largeflow"
)

// Table counts in one shard. It belongs to the shard's goroutine.
type Table struct {
	seed     uint64
	shards   int
	set      *Set
	counters []counter
	view     view
	key      Key
	watching watching
	Counts   Counts

	Elsewhere Elsewhere // nil: nothing was counted elsewhere. Set before the first sample
}

// Elsewhere tells of which samples the packet was counted at another place.
type Elsewhere interface {
	Again(f *decoder.Flow) bool
}

// Counts are running counts, and the use of the bounds.
type Counts struct {
	Samples         uint64 // flow samples that passed the filter of a rule and have its key, once for each
	BadLength       uint64 // not counted: frame length 0, or longer than any frame
	Crowded         uint64 // keys above half their threshold for which a hand-over had no room
	RefusedEntities uint64 // counters and metrics for which there was no place
	DroppedEvents   uint64 // changes of watched values for which a hand-over had no room; they are told again
}

// counter is the table of one flow rule.
type counter struct {
	rule    *Rule
	at      int // of the set
	summary *heavy.Summary[Key]
	seed    uint64
	next    int64  // slot of the next scan
	last    int64  // slot of the newest sample counted
	rate    uint32 // sampling rate of the last sample counted
}

// NewTable returns a table. The seed keys its hashes: random in a live
// collector, because senders choose the keys; the same in all shards, and fixed
// in a replay. shards is how many tables share the work.
func NewTable(set *Set, shards int, seed uint64) *Table {
	t := &Table{seed: seed, shards: max(shards, 1)}
	t.watching.init()
	t.SetSet(set)
	return t
}

// SetSet replaces the rules. A rule that counts as before keeps what it has
// counted.
func (t *Table) SetSet(set *Set) {
	if set == t.set {
		return
	}
	kept := map[string]*heavy.Summary[Key]{}
	for i := range t.counters {
		kept[t.counters[i].rule.counting()] = t.counters[i].summary
	}
	t.counters = make([]counter, 0, set.flows)
	for i := range set.rules {
		r := &set.rules[i]
		if r.watch != nil {
			continue
		}
		c := counter{rule: r, at: i, seed: t.seed}
		if c.summary = kept[r.counting()]; c.summary != nil {
			delete(kept, r.counting())
		} else if s, err := heavy.New[Key](r.config()); err == nil {
			c.summary = s
		} else {
			continue // Compile has checked it
		}
		t.counters = append(t.counters, c)
	}
	t.set = set
	t.watching.use(set)
}

// SetInstances says where instances are. Without, none is known. Call it before
// the first sample.
func (t *Table) SetInstances(in *keys.Instances) { t.view.SetInstances(in) }

// Empty reports that there are no rules.
func (t *Table) Empty() bool { return len(t.set.rules) == 0 }

// Idle reports that flow samples are not counted.
func (t *Table) Idle() bool { return len(t.counters) == 0 }

// maxFrame is longer than what segmentation offload lets through.
const maxFrame = 64<<10 + 512

// Sample counts a flow sample, whose Est the registry has filled, at ns. It
// keeps nothing of f and allocates nothing.
func (t *Table) Sample(f *decoder.Flow, ns int64) {
	if len(t.counters) == 0 {
		return
	}
	if f.FrameLength == 0 || f.FrameLength > maxFrame {
		t.Counts.BadLength++
		return
	}
	t.view.set(f, t.set.records)
	slot := heavy.SlotOf(ns)
	again := t.set.cut && t.Elsewhere != nil && t.Elsewhere.Again(f)
	for i := range t.counters {
		c := &t.counters[i]
		if again && c.rule.cut && !(c.rule.instances && t.view.Instance()) {
			continue
		}
		if c.rule.filter.match(&t.view) {
			t.count(c, f, slot)
		}
	}
}

func (t *Table) count(c *counter, f *decoder.Flow, slot int64) {
	r := c.rule
	if !t.view.Key(&r.key, &t.key.fields) {
		return
	}
	t.key.vantage = 0
	if !r.sum {
		t.key.vantage = f.Est.Vantage.Agent<<1 | f.Est.Vantage.Source&1
	}
	t.Counts.Samples++
	c.rate, c.last = f.Est.SamplingRate, max(c.last, slot)
	packets := uint64(f.Est.SamplingRate)
	switch r.value.Unit {
	case Packets:
		c.summary.Add(t.key.hash(c.seed), &t.key, slot, packets)
	case Bits:
		c.summary.Add(t.key.hash(c.seed), &t.key, slot, r.bits(packets*8*uint64(f.FrameLength), f.Est.Speed))
	case Distinct:
		if v, ok := t.view.value(r.value.Field); ok && (v != u128{} || r.value.Field != Instance) {
			c.summary.AddMember(t.key.hash(c.seed), &t.key, slot, packets, v.member(c.seed))
		}
	}
}

// shareScale is the weight of a second of a whole link.
const shareScale = 1 << 30

// bits is the weight of so many bits: of a rule with a share, its part of a
// second of the link.
func (r *Rule) bits(n, speed uint64) uint64 {
	if !r.threshold.Share {
		return n
	}
	if speed == 0 {
		speed = largeflow.UnknownSpeed
	}
	return max(1, uint64(float64(n)*shareScale/float64(speed)))
}

// Reset forgets what was counted: the clock jumped.
func (t *Table) Reset() {
	for i := range t.counters {
		t.counters[i].summary.Reset()
		t.counters[i].next, t.counters[i].last = 0, 0
	}
	t.watching.reset()
}

// Item is what a table knows of a key in the window.
type Item struct {
	Key          Key
	Lower, Upper uint64
	Samples      uint64
	Effective    float64
	Distinct     heavy.Distinct
}

// Scan is one look at a rule's keys: those that have at least half their
// threshold.
type Scan struct {
	rule    int
	at      int64   // ns
	seconds float64 // of the window up to now
	floor   uint64  // no other key has more
	rate    uint32
	from    int // of Batch.items
	to      int
}

// Batch is what a table hands over.
type Batch struct {
	set    *Set
	scans  []Scan
	items  []Item
	events []event
}

// Reset empties the batch.
func (b *Batch) Reset() {
	b.set, b.scans, b.items, b.events = nil, b.scans[:0], b.items[:0], b.events[:0]
}

// Empty reports that there is nothing in the batch.
func (b *Batch) Empty() bool { return len(b.scans)+len(b.events) == 0 }

// maxItems is how many keys of a rule one scan hands over.
const maxItems = 256

// Take fills b with what the engine must see as of ns.
func (t *Table) Take(b *Batch, ns int64) {
	b.Reset()
	b.set = t.set
	slot := heavy.SlotOf(ns)
	for i := range t.counters {
		c := &t.counters[i]
		if slot < c.next && c.next-slot <= maxScan {
			continue
		}
		c.next = slot + c.rule.scanEvery()
		t.scan(c, b, ns, slot)
	}
	t.silence(ns)
	b.events = append(b.events, t.watching.events...)
	t.watching.events = t.watching.events[:0]
}

// bucket is the number of places of a summary that a key may have.
const bucket = 8

// maxScan is how many slots are between two looks at the longest windows.
const maxScan = 10

// scanEvery returns how many slots are between two looks: a tenth of the
// window, 1 s at most.
func (r *Rule) scanEvery() int64 {
	return min(max(int64(r.window/heavy.SlotLength)/10, 1), maxScan)
}

func (t *Table) scan(c *counter, b *Batch, ns, slot int64) {
	r := c.rule
	c.summary.Advance(slot)
	w := heavy.At(slot, r.window)
	s := Scan{rule: c.at, at: ns, rate: c.rate, from: len(b.items)}
	s.seconds = float64(ns-w.From*int64(heavy.SlotLength)) / 1e9
	s.seconds = max(s.seconds, heavy.SlotLength.Seconds())
	// Half a threshold, so that an absent key is below the level at which
	// alerts end; of a sum every shard may have a part.
	parts := 1.0
	if r.sum {
		parts = float64(t.shards)
	}
	least := r.least().Number / 2 / parts
	if c.last < w.From { // nothing in the window: an idle look costs nothing
		s.to = s.from
		b.scans = append(b.scans, s)
		return
	}
	c.summary.All(w)(func(it *heavy.Item[Key]) bool {
		if r.measure(it.Lower, &it.Distinct, s.seconds) < least {
			s.floor = max(s.floor, it.Upper)
			return true
		}
		if len(b.items)-s.from == maxItems {
			t.Counts.Crowded++
			s.floor = max(s.floor, it.Upper)
			return true
		}
		b.items = append(b.items, Item{it.Key, it.Lower, it.Upper, it.Samples, it.Effective(), it.Distinct})
		return true
	})
	if r.sum && t.shards > 1 {
		for at := range r.entries / bucket {
			s.floor = max(s.floor, c.summary.Lookup(uint64(at)<<1, w).Upper) // of keys that have no place
		}
	}
	s.to = len(b.items)
	b.scans = append(b.scans, s)
}

// measure returns the rule's value of a weight in a window.
func (r *Rule) measure(weight uint64, d *heavy.Distinct, seconds float64) float64 {
	switch {
	case r.value.Unit == Distinct:
		return d.Estimate()
	case r.threshold.Share:
		return float64(weight) / shareScale / seconds
	}
	return float64(weight) / seconds
}

// TableStats are the places of the tables.
type TableStats struct {
	Counts
	Keys, MaxKeys         int    // of all rules
	Evicted               uint64 // keys that lost their place
	Entities, MaxEntities int    // watched counters and metrics
	Bytes                 int
}

// Stats returns the counts. It walks the tables.
func (t *Table) Stats() TableStats {
	s := TableStats{Counts: t.Counts, Entities: len(t.watching.states)}
	if t.watching.any() {
		s.MaxEntities = maxEntities
	}
	for i := range t.counters {
		c := t.counters[i].summary.Counts()
		s.Keys, s.MaxKeys, s.Evicted = s.Keys+c.Keys, s.MaxKeys+c.MaxKeys, s.Evicted+c.Evicted
	}
	if t.set != nil {
		s.Bytes = t.set.Bytes()
	}
	return s
}
