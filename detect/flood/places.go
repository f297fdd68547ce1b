package flood

import "math/bits"

const ways = 8 // places of one bucket; their tags fill a cache line

type bucket [ways]uint64 // tags; 0 is a free place

// entry is one host or prefix.
type entry struct {
	key      Key
	level    float32 // of the leaky bucket: seconds at the threshold; drains at drainLoad
	busy     uint32  // samples of the present busy period
	began    int64   // ns of its first sample
	last     int64   // ns of the newest sample
	hotUntil int64
	epoch    uint32 // of the hand-over that details belongs to
	details  uint16
	hot      bool
}

// places is a table of fixed size, by keyed hash.
type places struct {
	tags    []bucket
	entries []entry
	mask    uint64
	used    int
	hot     int
	evicted uint64
}

func newPlaces(n int) places {
	buckets := 1 << bits.Len(uint(max(n, ways)-1)/ways)
	return places{tags: make([]bucket, buckets), entries: make([]entry, buckets*ways), mask: uint64(buckets - 1)}
}

func (p *places) reset() {
	clear(p.tags)
	clear(p.entries)
	p.used, p.hot = 0, 0
}

// find returns the place of a key, -1 if it has none.
func (p *places) find(hash uint64) int {
	hash |= 1
	b := hash >> 32 & p.mask
	for i, tag := range &p.tags[b] {
		if tag == hash {
			return int(b)*ways + i
		}
	}
	return -1
}

// admit gives a key without a place one: a free one, else that of the entry
// with the least level, a hot one last.
func (p *places) admit(hash uint64, at int64) *entry {
	hash |= 1
	b := hash >> 32 & p.mask
	row := p.entries[b*ways : b*ways+ways : b*ways+ways]
	least, best := float32(0), -1
	for i, tag := range &p.tags[b] {
		if tag == 0 {
			best = i
			p.used++
			break
		}
		e := &row[i]
		l := e.level - drainLoad*float32(at-e.last)/1e9
		if e.hot && at <= e.hotUntil {
			l = max(l, 0) + 1e6
		}
		if best < 0 || l < least {
			least, best = l, i
		}
	}
	e := &row[best]
	if p.tags[b][best] != 0 {
		p.evicted++
	}
	if e.hot {
		p.hot--
	}
	p.tags[b][best] = hash
	*e = entry{last: at}
	return e
}

// add counts a sample of this load and reports whether the entry is hot, and
// the time of the sample before it if it has just become so.
func (p *places) add(e *entry, load float32, at int64) (hot bool, began int64) {
	if gone := at - e.last; gone > 0 {
		e.level -= drainLoad * float32(gone) / 1e9
		e.last = at
	}
	if e.level <= 0 {
		e.level, e.busy, e.began = 0, 0, at
	}
	e.level = min(e.level+load, drainLoad*bucketMax+load)
	e.busy++
	switch {
	case e.busy >= 2:
		e.hotUntil = at + hotFor
		if !e.hot {
			e.hot = true
			p.hot++
			return true, e.began
		}
	case e.hot && at > e.hotUntil:
		e.hot = false
		p.hot--
	}
	return e.hot, 0
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
