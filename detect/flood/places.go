package flood

import (
	"math/bits"

	"weir/detect/prefetch"
)

const ways = 8 // places of one bucket; their tags fill a cache line

// bucket is the tags of some places and their leaky buckets: two neighbouring
// cache lines. Of a place that is not hot nothing else is touched.
type bucket struct {
	tags  [ways]uint64  // 0 is a free place
	level [ways]float32 // seconds at the threshold; drains at drainLoad
	last  [ways]uint32  // ticks of the newest sample
}

// tick is the unit of bucket.last, in ns: 2^32 of them are half a day.
const tick = int64(1e4)

// entry is one host or prefix that is hot.
type entry struct {
	key      Key
	busy     uint32 // samples of the present busy period
	epoch    uint32 // of the hand-over that details belongs to
	began    int64  // ns of the first sample of the busy period
	hotUntil int64
	tag      uint64 // of the record that the last sample joined
	in       uint32 // hand-over that rec belongs to
	rec      int32
	details  uint16
}

// places is a table of fixed size, by keyed hash.
type places struct {
	buckets []bucket
	hotSet  []uint8 // a bit for each place of a bucket
	filter  filter  // of the keys that are hot, and some that were
	entries []entry
	mask    uint64
	used    int
	hot     int
	evicted uint64
}

func newPlaces(n int) places {
	b := buckets(n)
	return places{
		buckets: make([]bucket, b), hotSet: make([]uint8, b),
		entries: make([]entry, b*ways), mask: uint64(b - 1),
	}
}

// buckets returns how many there are for at least n places.
func buckets(n int) int { return 1 << bits.Len(uint(max(n, ways)-1)/ways) }

func (p *places) reset() {
	clear(p.buckets)
	clear(p.hotSet)
	p.filter = filter{}
	clear(p.entries)
	p.used, p.hot = 0, 0
}

// find returns the place of a key, -1 if it has none.
func (p *places) find(hash uint64) int {
	hash |= 1
	b := hash >> 32 & p.mask
	for i, tag := range &p.buckets[b].tags {
		if tag == hash {
			return int(b)*ways + i
		}
	}
	return -1
}

// findHot returns the place of a key that is hot, -1 if it is not or has none.
// Who is not hot is mostly known without a look at the table.
func (p *places) findHot(hash uint64) int {
	if !p.filter.has(hash) {
		return -1
	}
	if i := p.find(hash); i >= 0 && p.isHot(i) {
		return i
	}
	return -1
}

// filter is a set of keys: who is not in it is not hot.
type filter [1 << 8]uint64

func (f *filter) has(hash uint64) bool { return f[hash>>7%uint64(len(f))]>>(hash>>1%64)&1 != 0 }

func (f *filter) add(hash uint64) { f[hash>>7%uint64(len(f))] |= 1 << (hash >> 1 % 64) }

// sieve makes the filter anew, without those that have cooled down.
func (p *places) sieve() {
	p.filter = filter{}
	for b, hot := range p.hotSet {
		for ; hot != 0; hot &= hot - 1 {
			p.filter.add(p.buckets[b].tags[bits.TrailingZeros8(hot)])
		}
	}
}

// fetch asks for what find and add will need.
func (p *places) fetch(hash uint64) {
	b := hash >> 32 & p.mask
	prefetch.Line(&p.buckets[b].tags)
	prefetch.Line(&p.buckets[b].level)
}

// fetchEntry asks for the entry of a key that is hot and returns it.
func (p *places) fetchEntry(hash uint64) *entry {
	i := p.findHot(hash)
	if i < 0 {
		return nil
	}
	e := &p.entries[i]
	prefetch.Line(e)
	prefetch.Line(&e.rec)
	return e
}

func (p *places) isHot(i int) bool { return p.hotSet[i/ways]>>(i%ways)&1 != 0 }

func (p *places) setHot(i int, hot bool) {
	bit := uint8(1) << (i % ways)
	switch is := p.hotSet[i/ways]&bit != 0; {
	case hot && !is:
		p.hotSet[i/ways] |= bit
		p.filter.add(p.buckets[i/ways].tags[i%ways])
		p.hot++
	case !hot && is:
		p.hotSet[i/ways] &^= bit
		p.hot--
	}
}

// admit gives a key without a place one: a free one, else that with the least
// level, a hot one last.
func (p *places) admit(hash uint64, load float32, at int64) {
	hash |= 1
	b := hash >> 32 & p.mask
	l, now := &p.buckets[b], uint32(at/tick)
	least, best := float32(0), -1
	for i, tag := range &l.tags {
		if tag == 0 {
			best = i
			p.used++
			break
		}
		age := now - l.last[i]
		level := l.level[i] - drainTick*float32(age)
		if p.hotSet[b]>>i&1 != 0 && int64(age)*tick < hotFor {
			level = max(level, 0) + 1e6
		}
		if best < 0 || level < least {
			least, best = level, i
		}
	}
	if l.tags[best] != 0 {
		p.evicted++
		p.setHot(int(b)*ways+best, false)
	}
	l.tags[best] = hash
	l.level[best], l.last[best] = load, now
}

const drainTick = drainLoad * float32(tick) / 1e9

// add counts a sample of this load in a place and returns its entry if it is
// hot, and the time of the sample before it if it has just become so: the
// entry has no key yet then.
func (p *places) add(i int, load float32, at int64) (e *entry, began int64) {
	l, w, now := &p.buckets[i/ways], i%ways, uint32(at/tick)
	gone := now - l.last[w]
	if int32(gone) < 0 { // a little late
		gone = 0
	} else {
		l.last[w] = now
	}
	level := l.level[w] - drainTick*float32(gone)
	fresh := level <= 0
	l.level[w] = min(max(level, 0)+load, drainLoad*bucketMax+load)
	if !p.isHot(i) {
		if fresh {
			return nil, 0
		}
		p.setHot(i, true)
		e, began = &p.entries[i], at-int64(gone)*tick
		*e = entry{busy: 2, began: began, hotUntil: at + hotFor}
		return e, began
	}
	e = &p.entries[i]
	if fresh {
		e.busy, e.began = 0, at
		if at > e.hotUntil {
			p.setHot(i, false)
			return nil, 0
		}
	}
	if e.busy++; e.busy >= 2 {
		e.hotUntil = at + hotFor
	}
	return e, 0
}

// rising reports whether the present busy period may become a flood that has
// not been judged yet.
func (e *entry) rising(load float32, at int64) bool {
	age := at - e.began
	return e.busy >= minSamples/2 && (e.busy <= 64 || age < 200e6) && float32(e.busy)*load >= float32(age)/2e9
}

// mix folds the product of two words: all bits of both reach all of the result.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
