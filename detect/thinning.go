package detect

// thinning chooses by chance the samples that the keys are counted by, where
// there are more than counting can take beside detection: who weighs most among
// TopSamples a second is known to a few per cent, and ten times as many would
// cost ten times as much to tell the same. A sample counts as many times as
// the chance to be chosen was 1 in, so that sums stay unbiased, and intervals,
// which go by the samples counted, stay true.
type thinning struct {
	slot   int64
	seen   uint64 // samples of the slot
	kept   uint64 // since times was set
	times  uint64 // a sample is chosen with a chance of 1 in times
	left   uint64 // out, in all
	random uint64
}

// TopSamples is how many samples a second a shard counts the keys of, at least;
// of more it leaves some out.
const TopSamples = 50_000

// slotSamples is that per slot.
const slotSamples = TopSamples / 10

func newThinning(seed uint64) thinning {
	return thinning{times: 1, random: seed*0x9e3779b97f4a7c15 | 1}
}

// next returns how many samples the one at hand stands for, 0 where it is left
// out. A slot begins with what the one before it needed.
func (t *thinning) next(slot int64) uint64 {
	if slot > t.slot {
		t.times = max(1, (t.seen+slotSamples-1)/slotSamples)
		if slot > t.slot+1 {
			t.times = 1
		}
		t.slot, t.seen, t.kept = slot, 0, 0
	}
	t.seen++
	if t.times > 1 && !t.chosen() {
		t.left++
		return 0
	}
	times := t.times
	if t.kept++; t.kept >= slotSamples {
		t.times, t.kept = 2*t.times, slotSamples/2
	}
	return times
}

// chosen is true with a chance of 1 in times (xorshift64, Marsaglia 2003).
func (t *thinning) chosen() bool {
	t.random ^= t.random << 13
	t.random ^= t.random >> 7
	t.random ^= t.random << 17
	return (t.random>>32)*t.times>>32 == 0
}
