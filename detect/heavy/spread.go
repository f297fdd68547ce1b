package heavy

import (
	"math"
	"math/bits"
	"time"
)

// members are two generations of a bitmap of 256 bits, the even and the odd
// one: linear counting of the distinct members that came with a key.
type members [2][memberBits / 64]uint64

const memberBits = 256

// turn clears what generation g must not inherit from last, which is before it
// or the same.
func (m *members) turn(last, g uint32) {
	if g == last {
		return
	}
	m[g&1] = [memberBits / 64]uint64{}
	if g-last > 1 {
		m[last&1] = [memberBits / 64]uint64{}
		m[^last&1] = [memberBits / 64]uint64{}
	}
}

func (m *members) set(g uint32, hash uint64) {
	bit := hash >> 56
	m[g&1][bit>>6] |= 1 << (bit & 63)
}

// Distinct estimates how many distinct members came with a key, in the samples:
// never more than there were samples, and fewer than in the traffic.
type Distinct struct {
	Bits  int           // set of 256
	Since int64         // slot in which the counting began
	Span  time.Duration // from then to the newest slot
	bits  members
}

// distinct reads the bitmap of a place: the current generation and the one
// before it.
func (t *Table) distinct(place int) Distinct {
	m := t.members[place]
	g := t.rel(t.now) / t.lifetime
	m.turn(t.at(place).last/t.lifetime, g)
	d := Distinct{bits: m, Since: t.base + (int64(g)-1)*int64(t.lifetime)}
	d.count()
	if since := t.base + int64(t.at(place).admitted); since > d.Since {
		d.Since = since
	}
	d.Span = time.Duration(t.now-d.Since+1) * SlotLength
	return d
}

func (d *Distinct) count() {
	d.Bits = 0
	for i := range d.bits[0] {
		d.Bits += bits.OnesCount64(d.bits[0][i] | d.bits[1][i])
	}
}

// Merge adds the members another summary with the same seed saw.
func (d *Distinct) Merge(o *Distinct) {
	for g := range d.bits {
		for i := range d.bits[g] {
			d.bits[g][i] |= o.bits[g][i]
		}
	}
	if o.Bits > 0 && (d.Bits == 0 || o.Since < d.Since) {
		d.Since = o.Since
	}
	d.Span = max(d.Span, o.Span)
	d.count()
}

// Estimate returns the number by linear counting. Saturated, it is 1,400 and
// only a lower bound.
func (d *Distinct) Estimate() float64 { return linear(float64(d.Bits)) }

// Interval returns the 95 % interval of the number, from the variance of the
// bits set by so many (Whang et al., theorem 1), and one more at the upper end
// because few members are whole numbers. It is at least Bits; high is +Inf
// where the bitmap is too full to tell.
func (d *Distinct) Interval() (low, high float64) {
	const z = 1.96
	n := d.Estimate()
	load := n / memberBits
	sd := math.Sqrt(memberBits * (math.Exp(load) - load - 1))
	low = max(float64(d.Bits), n-z*sd)
	if memberBits-d.Bits < 4 {
		return low, math.Inf(1)
	}
	return low, n + z*sd + 1
}

// linear is the maximum-likelihood number of members behind so many set bits;
// for a full bitmap that of half a bit less.
func linear(set float64) float64 {
	empty := max(memberBits-set, 0.5)
	return -memberBits * math.Log(empty/memberBits)
}
