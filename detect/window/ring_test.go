package window

import (
	"math/rand/v2"
	"testing"
)

// Whatever the order of arrival, a ring agrees with a map of slots, as long as
// the slot has not left it.
func TestRingAgreesWithMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r Ring
	want := map[int64]Sum{}
	newest := int64(17_000_000_000)
	for range 20000 {
		slot := newest + rng.Int64N(14) - 10
		if rng.IntN(500) == 0 {
			slot = newest + rng.Int64N(3*Slots) - Slots
		}
		s := Sum{N: 1, W: float64(rng.IntN(1500)), W2: 1}
		last := SlotStart(slot) + rng.Int64N(int64(SlotLength))
		if ok := r.Add(slot, s, last, last); ok != (newest-slot < Slots) {
			t.Fatalf("Add(%d) = %v with newest %d", slot, ok, newest)
		} else if ok {
			w := want[slot]
			w.Add(s)
			want[slot] = w
		}
		newest = max(newest, slot)
		first := newest - rng.Int64N(Slots)
		var sum Sum
		for i := first; i <= newest; i++ {
			sum.Add(want[i])
		}
		got, before := r.since(first)
		if got != sum {
			t.Fatalf("Since(%d) = %+v, want %+v", first, got, sum)
		}
		if before != 0 && SlotOf(before) >= first {
			t.Fatalf("Since(%d): newest before is in slot %d", first, SlotOf(before))
		}
	}
}

// Samples that arrived together stay together, whatever slot they fell into.
func TestSinceBatchKeepsBatchesWhole(t *testing.T) {
	one := Sum{N: 1, W: 1, W2: 1}
	var r Ring
	const ms = int64(1e6)
	for _, at := range []int64{500 * ms, 999 * ms, 1001 * ms, 1450 * ms} {
		r.Add(SlotOf(at), one, at, at)
	}
	for _, c := range []struct {
		name   string
		first  int64
		n      uint32
		before int64
	}{
		{"cut between two batches", 14, 1, 1001 * ms},
		{"cut through one", 10, 3, 500 * ms},
		{"nothing before", 5, 4, 0},
		{"nothing after", 15, 0, 1450 * ms},
	} {
		if s, before := r.SinceBatch(c.first, 5*ms); s.N != c.n || before != c.before {
			t.Errorf("%s: %d samples after %d, want %d after %d", c.name, s.N, before, c.n, c.before)
		}
	}
}

func TestSlotOfIsAFloor(t *testing.T) {
	for _, c := range []struct{ ns, want int64 }{{0, 0}, {99_999_999, 0}, {100_000_000, 1}, {-1, -1}, {-100_000_000, -1}, {-100_000_001, -2}} {
		if got := SlotOf(c.ns); got != c.want {
			t.Errorf("SlotOf(%d) = %d, want %d", c.ns, got, c.want)
		}
	}
}

func TestEffectiveNumber(t *testing.T) {
	if got := (Sum{N: 4, W: 40, W2: 400}).Effective(); got != 4 {
		t.Errorf("equal weights: %g, want 4", got)
	}
	if got := (Sum{N: 3, W: 12, W2: 100 + 1 + 1}).Effective(); got > 1.5 {
		t.Errorf("one weight dominates: %g, want about 1.4", got)
	}
	if got := (Sum{}).Effective(); got != 0 {
		t.Errorf("nothing: %g, want 0", got)
	}
}
