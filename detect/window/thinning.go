package window

// Thinning chooses by chance the samples that are worked on where there are
// more than the work allows: who weighs most among 25,000 samples a second is
// known to a few per cent, and ten times as many would cost ten times as much to
// tell the same. A sample counts as many times as the chance to be chosen was 1
// in, so that sums stay unbiased, and intervals, which go by the samples
// counted, stay true. It depends on what it is asked alone, as a replay needs.
type Thinning struct {
	Left uint64 // out, in all

	perSlot uint64 // samples
	slot    int64
	seen    uint64 // samples of the slot
	kept    uint64 // since times was set
	times   uint64 // a sample is chosen with a chance of 1 in times
	random  uint64
}

// NewThinning returns a Thinning that lets so many samples a second through, and
// of more at least half as many and at most about so many.
func NewThinning(perSecond int, seed uint64) Thinning {
	return Thinning{perSlot: max(2, uint64(perSecond)/10), times: 1, random: seed*0x9e3779b97f4a7c15 | 1}
}

// Reset begins a new clock.
func (t *Thinning) Reset() { t.slot, t.times = 0, 1 }

// Next returns how many samples the one at hand, of a slot of 100 ms, stands
// for; 0 where it is left out. A slot begins with what the one before it needed.
func (t *Thinning) Next(slot int64) uint64 {
	if slot > t.slot {
		t.times = max(1, (t.seen+t.perSlot-1)/t.perSlot)
		if slot > t.slot+1 {
			t.times = 1
		}
		t.slot, t.seen, t.kept = slot, 0, 0
	}
	t.seen++
	if t.times > 1 && !t.chosen() {
		t.Left++
		return 0
	}
	times := t.times
	if t.kept++; t.kept >= t.perSlot {
		t.times, t.kept = 2*t.times, t.perSlot/2
	}
	return times
}

// chosen is true with a chance of 1 in times (xorshift64, Marsaglia 2003).
func (t *Thinning) chosen() bool {
	t.random ^= t.random << 13
	t.random ^= t.random >> 7
	t.random ^= t.random << 17
	return (t.random>>32)*t.times>>32 == 0
}
