package largeflow

import (
	"math"
	"math/rand/v2"
	"testing"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect/window"
)

const base = int64(1_700_000_000_000_000_000)

func sample(t *Table, key *packet.Key, est decoder.FlowEst, frame uint32, at int64) {
	f := decoder.Flow{Est: est}
	f.Header.Key, f.Header.HasKey, f.FrameLength = *key, true, frame
	t.Sample(&f, at)
}

// Whenever the records are taken, and whatever the order of arrival, what a
// hot flow carried since its onset is in them once, and no sample is in a slot
// of another time.
func TestRecordsHoldEverySampleOnce(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tab := NewTable(Thresholds{All: Threshold{BitsPerSecond: 1e6}}, DefaultBudget, 64, seed)
		key := packet.Key{SrcPort: 1}
		est := decoder.FlowEst{SamplingRate: 1000, Vantage: decoder.Vantage{Agent: 1, Source: 1}}
		var p point
		var want window.Sum
		spare := make([]Record, 0, HandOver)
		take := func() {
			got := tab.Take(spare)
			for i := range got {
				r := &got[i]
				if r.Sum.N > 0 && (window.SlotOf(r.Last) != r.Slot || window.SlotOf(r.First) > r.Slot) {
					t.Fatalf("seed %d: record of slot %d from %d to %d", seed, r.Slot, r.First, r.Last)
				}
				p.add(r)
			}
			spare = got
		}
		at := base
		for range 2000 {
			if rng.IntN(4) > 0 { // else in the same batch
				at += rng.Int64N(30e6)
			}
			late := int64(0)
			if rng.IntN(8) == 0 {
				late = rng.Int64N(900e6)
			}
			frame := uint32(64 + rng.IntN(1454))
			sample(tab, &key, est, frame, at-late)
			w := float64(frame) * 1000
			want.Add(window.Sum{N: 1, W: w, W2: w * w})
			if rng.IntN(20) == 0 {
				take()
			}
		}
		take()
		if p.life.N != want.N || p.life.W != want.W || math.Abs(p.life.W2/want.W2-1) > 1e-12 {
			t.Errorf("seed %d: %+v, want %+v", seed, p.life, want)
		}
		if frames := float64(p.octets) * 1000; frames != want.W {
			t.Errorf("seed %d: frames of %g octets, want %g", seed, frames, want.W)
		}
	}
}

// Samples that arrive together tell of the time since those before, and the
// first batch of nothing, also where a Take comes between.
func TestBatchSplitByTakeLeads(t *testing.T) {
	tab := NewTable(Thresholds{All: Threshold{BitsPerSecond: 1e6}}, DefaultBudget, 64, 1)
	key := packet.Key{SrcPort: 1}
	est := decoder.FlowEst{SamplingRate: 1000}
	var p point
	spare := make([]Record, 0, HandOver)
	batch := func(from int64) {
		for i := range int64(20) { // four in each datagram, five datagrams at once
			sample(tab, &key, est, 1500, from+i/4*200e3)
			if i%3 == 0 {
				spare = tab.Take(spare)
				for j := range spare {
					p.add(&spare[j])
				}
			}
		}
		spare = tab.Take(spare)
		for j := range spare {
			p.add(&spare[j])
		}
	}
	batch(base)
	if p.life.N != 0 {
		t.Errorf("one batch made the flow hot")
	}
	batch(base + 1e9)
	if s, ns := p.since(base+2e9, 10e9, true); s.N != 20 || p.life.N != 40 || p.lead.N != 20 || ns < 1.99e9 {
		t.Errorf("%d samples after the first batch in %d ns, want 20; life %d, lead %d", s.N, ns, p.life.N, p.lead.N)
	}
}

func TestHashSpreadsKeys(t *testing.T) {
	tab := NewTable(Thresholds{All: Threshold{Share: 0.1}}, DefaultBudget, 16384, 1)
	counts := map[uint64]int{}
	const n = 16384
	for i := range n {
		k := packet.Key{SrcPort: uint16(i), DstPort: 443, Proto: 6}
		k.Src[15] = byte(i >> 8)
		counts[tab.hash(&k, decoder.Vantage{Agent: 1})&tab.mask]++
	}
	// chi-square over 2,048 buckets of 8 expected: mean 2047, deviation 64
	var chi float64
	for b := range tab.mask + 1 {
		d := float64(counts[b]) - n/float64(len(tab.tags))
		chi += d * d / (n / float64(len(tab.tags)))
	}
	if math.Abs(chi-2047) > 5*64 {
		t.Errorf("chi-square %.0f, want 2047 ± 320", chi)
	}
}

func TestVantagesAreApartInTheTable(t *testing.T) {
	tab := NewTable(Thresholds{All: Threshold{Share: 0.1}}, DefaultBudget, 64, 1)
	key := packet.Key{SrcPort: 1}
	for i := range uint32(5) {
		est := decoder.FlowEst{SamplingRate: 1, Vantage: decoder.Vantage{Agent: 1, Source: i}}
		sample(tab, &key, est, 64, base)
	}
	if used, _ := tab.Used(); used != 5 {
		t.Errorf("%d places used, want 5", used)
	}
}

func TestAtLeastFollowsTheExactInterval(t *testing.T) {
	for k := 8.0; k < 1e5; k *= 1.3 {
		exact, _ := window.Interval(k, confidence)
		if got := atLeast(k); math.Abs(got/exact-1) > 0.01 {
			t.Errorf("%g events: at least %g, exactly %g", k, got, exact)
		}
	}
}
