package heavy

import "math"

// ways is the number of places in a bucket: their tags fill a cache line.
const ways = 8

// start is the relative number of the first slot seen, so that no window
// reaches below 0. A multiple of every granule.
const start = 10000

// bucket has the tags of eight places; 0 is a free one.
type bucket [ways]uint64

// table is a Summary without its keys.
type table struct {
	now      int64 // clock: the newest slot seen
	base     int64 // absolute number of relative slot 0
	mask     uint64
	buckets  []bucket
	entries  []entry
	evicted  []evictions
	members  []members // empty without Spread
	old      histories
	sum      entry // of all keys
	sumPast  history
	begun    bool
	counts   Counts
	lifetime uint32 // slots of a generation of members
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

func (t *table) init(entries, longs int, spread bool, lifetime uint32) {
	buckets := entries / ways
	t.mask = uint64(buckets - 1)
	t.buckets = make([]bucket, buckets)
	t.entries = make([]entry, entries)
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
func (t *table) reset() {
	clear(t.buckets)
	clear(t.evicted)
	t.old.reset()
	t.counts.Samples += uint64(t.sum.n)
	t.sum = entry{history: none}
	t.begun, t.now = false, math.MinInt64
	t.counts.Resets++
}

// begin sets the clock for the first time.
func (t *table) begin(slot int64) {
	t.begun = true
	t.now = slot
	t.base = floorTo(slot, 2*decadeSlots) - start
	r := t.rel(slot)
	t.sum = entry{history: none, since: r, last: r, admitted: r}
	t.sumPast.begin(none, r)
}

// rel returns a slot's number in the table, which for slots before its time is
// 0 and for those after the clock's range the greatest.
func (t *table) rel(slot int64) uint32 { return uint32(min(max(slot-t.base, 0), 1<<32-1)) }

// advance moves the clock; it never moves back.
func (t *table) advance(slot int64) {
	switch {
	case !t.begun:
		t.begin(slot)
	case slot <= t.now:
	case slot-t.base >= 1<<31: // seven years of slots
		t.reset()
		t.begin(slot)
	default:
		t.now = slot
	}
}

// find returns the place of the tag in its bucket, or none. It compares all
// eight: that costs less than a branch that cannot be foretold.
func (b *bucket) find(tag uint64) int {
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
	if b[4] == tag {
		at = 4
	}
	if b[5] == tag {
		at = 5
	}
	if b[6] == tag {
		at = 6
	}
	if b[7] == tag {
		at = 7
	}
	return at
}

// add counts a weight and returns the place of its key, and whether the place
// was given just now; none where the sample is not counted.
func (t *table) add(hash uint64, slot int64, w uint64) (place int, admitted bool) {
	if slot != t.now || w-1 >= MaxWeight {
		return t.unusual(hash, slot, w)
	}
	r := uint32(slot - t.base)
	at := hash >> 1 & t.mask
	i := t.buckets[at].find(hash | 1)
	if t.sum.last != r || i < 0 {
		return t.count(hash, r, w)
	}
	t.sum.w = add(t.sum.w, w)
	t.sum.n++
	place = int(at)*ways + i
	e := &t.entries[place]
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
func (t *table) unusual(hash uint64, slot int64, w uint64) (place int, admitted bool) {
	if w == 0 {
		t.counts.Weightless++
		return none, false
	}
	if w > MaxWeight {
		t.counts.Clamped++
		w = MaxWeight
	}
	t.advance(slot)
	if t.now-slot > MaxLate {
		t.counts.Late++
		return none, false
	}
	return t.count(hash, t.rel(slot), w)
}

// count is add for any slot within MaxLate of the clock, and for new keys.
func (t *table) count(hash uint64, slot uint32, w uint64) (place int, admitted bool) {
	if t.sum.last == slot {
		t.sum.w = add(t.sum.w, w)
		t.sum.n++
	} else {
		t.counts.Samples += t.into(&t.sum, &t.sumPast, slot, w)
	}
	at := hash >> 1 & t.mask
	i := t.buckets[at].find(hash | 1)
	if i < 0 {
		return t.admit(int(at), hash|1, slot, w), true
	}
	place = int(at)*ways + i
	e := &t.entries[place]
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
func (t *table) touch(e *entry, place int, slot uint32, w uint64) {
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
	t.into(e, h, slot, w)
}

// into counts a weight in a slot that is not the current one, and returns the
// samples that are not in a current slot any more.
func (t *table) into(e *entry, h *history, slot uint32, w uint64) uint64 {
	if slot < e.last {
		e.late(slot, w, h)
		return 1
	}
	n := e.n
	e.fold(slot, h)
	e.w, e.n, e.sq = w, 1, square(w)
	return uint64(n)
}

// remember gives the entry a history before weight leaves its past slots. Where
// there is none left it may take one from a lighter key; it asks once a second.
func (t *table) remember(e *entry, place int, slot uint32) {
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
	for s := e.past(); s < e.last; s++ {
		if w := e.pastW[s%pastSlots]; w > 0 {
			n, sq := unpack(e.pastS[s%pastSlots], w)
			h.add(s, w, n, sq)
		}
	}
	e.history = i
}

// take returns a history that is free, or that of the lightest of four owners
// if it has less than half the entry's score.
func (t *table) take(e *entry) int32 {
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
		if v := t.entries[p.all[p.hand].owner].score(now); v < least {
			least, at = v, int32(p.hand)
		}
	}
	if at >= 0 {
		t.entries[p.all[at].owner].history = none
		t.counts.Displaced++
	}
	return at
}

// admit gives a key the place of the lightest in its bucket.
func (t *table) admit(at int, tag uint64, slot uint32, w uint64) int {
	now := t.rel(t.now)
	b, x := &t.buckets[at], &t.evicted[at]
	i := b.find(0)
	var credit uint64
	if i < 0 {
		x.advance(now)
		i, credit = t.lightest(at, x, now)
		t.evict(x, at*ways+i, now)
	}
	place := at*ways + i
	b[i] = tag
	e := &t.entries[place]
	e.w, e.n, e.sq = w, 1, square(w)
	e.total, e.totalN, e.totalSq, e.prev = 0, 0, 0, 0
	e.last, e.since, e.admitted = slot, slot, now
	e.credit, e.history = float32(credit), none
	x.score[i] = scoreOf(add(credit, w))
	if t.members != nil {
		t.members[place] = members{}
	}
	t.counts.Admitted++
	return place
}

// scoreUnit is 2^scoreUnit of weight in a kept score.
const scoreUnit = 16

func scoreOf(v uint64) uint32 { return uint32(min(v>>scoreUnit, 1<<32-1)) }

// lightest returns the place with the least score. The scores kept in the
// bucket are of when a key was last looked at, so that the least is looked at
// again, and if it has grown the next: three at most.
func (t *table) lightest(at int, x *evictions, now uint32) (place int, score uint64) {
	score = math.MaxUint64
	for range 3 {
		least := uint64(math.MaxUint64)
		for j, v := range &x.score {
			least = min(least, uint64(v)<<8|uint64(j))
		}
		j := int(least & 0xff)
		v := t.entries[at*ways+j].score(now)
		if v < score {
			place, score = j, v
		}
		x.score[j] = scoreOf(v)
		if uint64(x.score[j]) <= least>>8 {
			break
		}
	}
	return place, score
}

// evict notes what the key of a place could have had, and frees its history.
func (t *table) evict(x *evictions, place int, now uint32) {
	e := &t.entries[place]
	if now-e.last >= reachDecades {
		t.counts.Expired++
	} else {
		v := e.most(now)
		for tier, reach := range [3]uint32{reachSlots, reachSeconds, reachDecades} {
			from := now - reach + 1
			if e.history >= 0 && e.last >= from {
				v[tier] = t.read(e, from, now).most
			}
			v[tier] = add(v[tier], x.bound(from, e.admitted, now))
		}
		x.note(now, v)
		t.counts.Evicted++
	}
	if e.history >= 0 {
		t.old.release(e.history)
	}
}
