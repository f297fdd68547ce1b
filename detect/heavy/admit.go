package heavy

import "math"

// admit gives a key the place of the lightest in its bucket.
func (t *Table) admit(at int, tag uint64, slot uint32, w uint64) int {
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
	b.tags[i] = tag
	e := &b.entries[i]
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
func (t *Table) lightest(at int, x *evictions, now uint32) (place int, score uint64) {
	score = math.MaxUint64
	for range 3 {
		least := uint64(math.MaxUint64)
		for j, v := range &x.score {
			least = min(least, uint64(v)<<8|uint64(j))
		}
		j := int(least & 0xff)
		v := t.buckets[at].entries[j].score(now)
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
func (t *Table) evict(x *evictions, place int, now uint32) {
	e := t.at(place)
	if now-e.last >= reachDecades {
		t.counts.Expired++
	} else {
		v := e.most(&t.past[place], now)
		for tier, reach := range [3]uint32{reachSlots, reachSeconds, reachDecades} {
			from := now - reach + 1
			if e.history >= 0 && e.last >= from {
				v[tier] = t.read(place, from, now).most
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
