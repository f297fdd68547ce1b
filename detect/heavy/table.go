package heavy

import "math"

// ways is the number of places in a bucket: their tags fill a cache line.
const ways = 8

// start is the relative number of the first slot seen, so that no window
// reaches below 0. A multiple of every granule.
const start = 10000

// bucket has eight places. It is in one piece because what a sample touches
// then lies in few pages.
type bucket struct {
	tags    [ways]uint64 // 0 is a free place
	entries [ways]entry
}

// Table is a Summary without its keys, for those who count many samples one
// after the other: Locate some first, Fetch their places, then Count each, so
// that the memory answers for all at once.
type Table struct {
	now      int64 // clock: the newest slot seen
	base     int64 // absolute number of relative slot 0
	mask     uint64
	buckets  []bucket
	past     []past // per place
	evicted  []evictions
	members  []members // empty without Spread
	old      histories
	sum      entry // of all keys
	sumSlots past
	sumPast  history
	begun    bool
	counts   Counts
	lifetime uint32 // slots of a generation of members
	current  uint32 // generation of now
	fetched  uint32 // keeps what Locate reads from being optimised away
}

// Counts are running counts, and the use of the places.
type Counts struct {
	Samples    uint64 // counted
	Late       uint64 // not counted: more than MaxLate slots behind the newest
	Weightless uint64 // not counted: weight 0
	Clamped    uint64 // counted as MaxWeight
	Admitted   uint64 // keys given a place
	Expired    uint64 // keys replaced that had nothing in the longest window
	Evicted    uint64 // keys replaced that had; the table is no longer exact
	Displaced  uint64 // histories taken from a lighter key
	Resets     uint64

	Keys, MaxKeys           int // places used and present
	InHistory, MaxHistories int // histories used and present
	Overflowed, Buckets     int // buckets with an eviction within the longest window, and all
}

func (t *Table) init(entries, longs int, spread bool, lifetime uint32) {
	buckets := entries / ways
	t.mask = uint64(buckets - 1)
	t.buckets = make([]bucket, buckets)
	t.past = make([]past, entries)
	t.evicted = make([]evictions, buckets)
	if spread {
		t.members = make([]members, entries)
	}
	t.old = newHistories(longs)
	t.lifetime = lifetime
	t.sum.history, t.sumPast.owner = none, none
	t.now = math.MinInt64 // no slot
}

// reset forgets everything but the counts.
func (t *Table) reset() {
	clear(t.buckets)
	clear(t.evicted)
	t.old.reset()
	t.counts.Samples += uint64(t.sum.n)
	t.sum = entry{history: none}
	t.begun, t.now = false, math.MinInt64
	t.counts.Resets++
}

// begin sets the clock for the first time.
func (t *Table) begin(slot int64) {
	t.begun = true
	t.now = slot
	defer t.turned()
	t.base = floorTo(slot, 2*decadeSlots) - start
	r := t.rel(slot)
	t.sum = entry{history: none, since: r, last: r, admitted: r}
	t.sumPast.begin(none, r)
}

// rel returns a slot's number in the table, which for slots before its time is
// 0 and for those after the clock's range the greatest.
func (t *Table) rel(slot int64) uint32 { return uint32(min(max(slot-t.base, 0), 1<<32-1)) }

// advance moves the clock; it never moves back.
func (t *Table) advance(slot int64) {
	switch {
	case !t.begun:
		t.begin(slot)
	case slot <= t.now:
	case slot-t.base >= 1<<31: // seven years of slots
		t.reset()
		t.begin(slot)
	default:
		t.now = slot
		t.turned()
	}
}

func (t *Table) turned() { t.current = t.rel(t.now) / t.lifetime }

// find returns the place of the tag in its bucket, or none. It compares all
// eight: that costs less than a branch that cannot be foretold.
func (b *bucket) find(tag uint64) int {
	return max(half(b.tags[:4], tag), half(b.tags[4:], tag)|ways/2)
}

// half returns the index of the tag among four, or none. Or'ed with the half's
// first place, none stays none.
func half(b []uint64, tag uint64) int {
	at := none
	if b[0] == tag {
		at = 0
	}
	if b[1] == tag {
		at = 1
	}
	if b[2] == tag {
		at = 2
	}
	if b[3] == tag {
		at = 3
	}
	return at
}

// at returns the entry of a place.
func (t *Table) at(place int) *entry { return &t.buckets[uint(place)/ways].entries[uint(place)%ways] }

// Locate returns the place of a hash, negative where it has none. It has no
// branch that waits for memory, and asks for what Count will need.
func (t *Table) Locate(hash uint64) int {
	at := hash >> 1 & t.mask
	b := &t.buckets[at]
	i := b.find(hash | 1)
	place := int(at)*ways | i
	x := b.entries[i&(ways-1)].last
	if t.members != nil {
		x += uint32(t.members[place&(len(t.members)-1)][0][0])
	}
	t.fetched = x
	return place
}

// Fetch asks for what Count will need where the place's slot is over: its past
// slots and its history. Locate has asked for the rest.
func (t *Table) Fetch(place int) {
	if place < 0 {
		return
	}
	e, p := t.at(place), &t.past[place]
	x := uint32(p.w[0]) + uint32(p.w[8]) + p.s[pastSlots-1] // 136 octets in three lines
	if e.history >= 0 {
		h := &t.old.all[e.history]
		x += h.second + h.seconds[e.last/secondSlots%seconds].n + h.decades[e.last/decadeSlots%decades].n
	}
	t.fetched = x
}

// Count counts a weight of the key that Locate found at the place, which may
// have been another's since. It returns the key's place, negative where the
// sample is not counted, and whether it was given just now: then SetKey must
// follow.
func (t *Table) Count(place int, hash uint64, slot int64, w uint64) (at int, admitted bool) {
	r := uint32(slot - t.base)
	if place < 0 || slot != t.now || w-1 >= MaxWeight || t.sum.last != r {
		return t.add(hash, slot, w)
	}
	b, i := &t.buckets[uint(place)/ways], uint(place)%ways
	if b.tags[i] != hash|1 {
		return t.add(hash, slot, w)
	}
	t.sum.w = add(t.sum.w, w)
	t.sum.n++
	e := &b.entries[i]
	if e.last != r {
		t.touch(e, place, r, w)
		return place, false
	}
	e.w = add(e.w, w)
	e.n++
	e.sq += square(w)
	return place, false
}

// Member counts a member of the key of a place that Count returned for a
// sample of this slot. Without Spread it does nothing.
func (t *Table) Member(place int, slot int64, member uint64) {
	if t.members == nil {
		return
	}
	g := t.current
	if slot != t.now {
		g = t.rel(slot) / t.lifetime
		if g+1 < t.at(place).last/t.lifetime {
			return
		}
	}
	t.members[place].set(g, member)
}

// add counts a weight and returns the place of its key, and whether the place
// was given just now; none where the sample is not counted.
func (t *Table) add(hash uint64, slot int64, w uint64) (place int, admitted bool) {
	if slot != t.now || w-1 >= MaxWeight {
		return t.unusual(hash, slot, w)
	}
	r := uint32(slot - t.base)
	at := hash >> 1 & t.mask
	b := &t.buckets[at]
	i := b.find(hash | 1)
	if t.sum.last != r || i < 0 {
		return t.count(hash, r, w)
	}
	t.sum.w = add(t.sum.w, w)
	t.sum.n++
	place = int(at)*ways + i
	e := &b.entries[i&(ways-1)]
	if e.last != r {
		t.touch(e, place, r, w)
		return place, false
	}
	e.w = add(e.w, w)
	e.n++
	e.sq += square(w)
	return place, false
}

// unusual is add for what is rare: another slot than the last, a weight out of
// range.
func (t *Table) unusual(hash uint64, slot int64, w uint64) (place int, admitted bool) {
	t.advance(slot)
	switch {
	case t.now-slot > MaxLate:
		t.counts.Late++
		return none, false
	case w == 0:
		t.counts.Weightless++
		return none, false
	case w > MaxWeight:
		t.counts.Clamped++
		w = MaxWeight
	}
	return t.count(hash, t.rel(slot), w)
}

// count is add for any slot within MaxLate of the clock, and for new keys.
func (t *Table) count(hash uint64, slot uint32, w uint64) (place int, admitted bool) {
	if t.sum.last == slot {
		t.sum.w = add(t.sum.w, w)
		t.sum.n++
	} else {
		t.counts.Samples += t.sum.into(&t.sumSlots, &t.sumPast, slot, w)
	}
	at := hash >> 1 & t.mask
	b := &t.buckets[at]
	i := b.find(hash | 1)
	if i < 0 {
		return t.admit(int(at), hash|1, slot, w), true
	}
	place = int(at)*ways + i
	e := &b.entries[i&(ways-1)]
	if e.last == slot {
		e.w = add(e.w, w)
		e.n++
		e.sq += square(w)
		return place, false
	}
	t.touch(e, place, slot, w)
	return place, false
}

// touch counts a weight in another slot than the entry's current one.
func (t *Table) touch(e *entry, place int, slot uint32, w uint64) {
	if slot > e.last {
		if e.history < 0 && slot-e.since >= reachSlots {
			t.remember(e, place, slot)
		}
		if t.members != nil {
			t.members[place].turn(e.last/t.lifetime, slot/t.lifetime)
		}
	}
	var h *history
	if e.history >= 0 {
		h = &t.old.all[e.history]
	}
	e.into(&t.past[place], h, slot, w)
}

// into counts a weight in a slot that is not the current one, and returns the
// samples that are not in a current slot any more.
func (e *entry) into(p *past, h *history, slot uint32, w uint64) uint64 {
	if slot < e.last {
		e.late(p, h, slot, w)
		return 1
	}
	n := e.n
	e.fold(p, h, slot)
	e.w, e.n, e.sq = w, 1, square(w)
	return uint64(n)
}

// remember gives the entry a history before weight leaves its past slots. Where
// there is none left it may take one from a lighter key; it asks once a second.
func (t *Table) remember(e *entry, place int, slot uint32) {
	complete := !e.turned() && e.last-min(e.since, e.last) <= pastSlots
	if !complete && slot/secondSlots == e.last/secondSlots {
		return
	}
	i := t.take(e)
	if i < 0 {
		return
	}
	h := &t.old.all[i]
	oldest := e.last - pastSlots
	h.begin(int32(place), oldest)
	if !complete {
		h.from = oldest
	}
	for s, p := e.first(), &t.past[place]; s < e.last; s++ {
		if w := p.w[s%pastSlots]; w > 0 {
			n, sq := unpack(p.s[s%pastSlots], w)
			h.add(s, w, n, sq)
		}
	}
	e.history = i
}

// take returns a history that is free, or that of the lightest of four owners
// if it has less than half the entry's score.
func (t *Table) take(e *entry) int32 {
	p := &t.old
	if i := p.free; i >= 0 {
		p.free = p.all[i].next
		return i
	}
	now := t.rel(t.now)
	least, at := e.score(now)/2, int32(none)
	for range min(4, len(p.all)) {
		p.hand++
		if p.hand >= uint32(len(p.all)) {
			p.hand = 0
		}
		if v := t.at(int(p.all[p.hand].owner)).score(now); v < least {
			least, at = v, int32(p.hand)
		}
	}
	if at >= 0 {
		t.at(int(p.all[at].owner)).history = none
		t.counts.Displaced++
	}
	return at
}
