package keys

import (
	"math"
	"math/bits"

	"weir/decoder"
)

// blockSize is how many samples wait to be counted together. One definition
// counts all of them before the next does: its table is in the processor's
// cache then, where nine tables together are not.
const blockSize = 256

// block holds samples that are not counted yet, by columns.
type block struct {
	n      int
	slot   [blockSize]int64
	weight [2][blockSize]uint64 // by Value
	have   [blockSize]uint64    // lanes
	groups [][blockSize]uint64  // hashes
	lanes  [][blockSize][2]uint64
	key    bytes // that name writes
}

func (b *block) init(lanes, groups int) {
	b.lanes, b.groups = make([][blockSize][2]uint64, lanes), make([][blockSize]uint64, groups)
}

// put adds the sample that the set has read.
func (b *block) put(s *Set, f *decoder.Flow, slot int64, times uint64) {
	i := b.n % blockSize
	b.n++
	rate := uint64(f.Est.SamplingRate) * times
	b.slot[i], b.have[i] = slot, s.have
	b.weight[Packets][i] = rate
	b.weight[Bytes][i] = product(rate, uint64(f.FrameLength))
	for g := range b.groups {
		b.groups[g][i] = s.groups[g].hash
	}
	for l := range b.lanes {
		b.lanes[l][i] = s.value[l]
	}
}

// product returns a·b, at most 2^64-1.
func product(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return math.MaxUint64
	}
	return lo
}

// flush counts what waits.
func (s *Set) flush() {
	if s.waiting.n == 0 {
		return
	}
	for i := range s.defs {
		s.defs[i].flush(&s.waiting)
	}
	s.waiting.n = 0
}

// ahead is how many keys are looked for before the first of them is counted,
// so that the memory answers for all at once.
const ahead = 16

func (d *compiled) flush(b *block) {
	t, hash, weight := d.table, &b.groups[d.key], &b.weight[d.value&1]
	var places [ahead]int
	for from := 0; from < b.n; from += ahead {
		to := min(from+ahead, b.n)
		for i := from; i < to; i++ {
			places[i-from] = t.Locate(hash[i])
		}
		for _, place := range places[:to-from] {
			t.Fetch(place)
		}
		for i := from; i < to; i++ {
			if b.have[i]&d.need != d.need {
				if d.need&^(b.have[i]|once|ownPort) != 0 {
					d.missing++
				} else {
					d.again++
				}
				continue
			}
			place, admitted := t.Count(places[i-from], hash[i], b.slot[i], weight[i])
			if admitted {
				d.name(b, i, place)
			}
			if d.members != 0 && place >= 0 && b.have[i]&d.members == d.members {
				t.Member(place, b.slot[i], b.groups[d.member][i])
			}
		}
	}
}

// name writes the key of a place that was given to sample i just now.
func (d *compiled) name(b *block, i, place int) {
	b.key = bytes{}
	rest := b.key[:]
	for j := range d.fields {
		v, size := &b.lanes[d.lanes[j]][i], words[d.fields[j].kind].size
		put(rest, size, v[0], v[1])
		rest = rest[size:]
	}
	d.col.setKey(place, &b.key)
}
