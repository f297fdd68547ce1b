package flows

import (
	"math/rand/v2"
	"testing"
)

// Places are those of a map, over many turns and with places in between that have
// no key.
func TestPlacesAreThoseOfAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var p places
	for turn := range 3 * turns {
		p.reset()
		want, next := map[[2]uint64]int32{}, int32(0)
		for range 1 + r.IntN(300) {
			if r.IntN(10) == 0 {
				if got := p.next(); got != next {
					t.Fatalf("turn %d: place %d without a key, want %d", turn, got, next)
				}
				next++
				continue
			}
			k := [2]uint64{r.Uint64N(3), r.Uint64N(100)}
			had, ok := want[k]
			if !ok {
				had, want[k] = next, next
				next++
			}
			if got, fresh := p.of(k[0], k[1]); got != had || fresh == ok {
				t.Fatalf("turn %d: key %v has place %d, new %v; want %d, %v", turn, k, got, fresh, had, !ok)
			}
		}
		if p.size() != int(next) {
			t.Fatalf("%d places, want %d", p.size(), next)
		}
	}
}

// The place of a sum is the same whether it was found by its cell or not, also when
// more vantage points come than were expected.
func TestPlacesOfSumsAreThoseOfAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	s := newSums(1)
	for turn := range 3 {
		want := map[[3]uint32]int32{}
		for _, points := range []uint32{1, 3, 40, 39, manyCells} {
			s.expect(points)
			for range 2000 {
				k := [3]uint32{r.Uint32N(300), r.Uint32N(min(2*points, 90)), r.Uint32N(6) / 5}
				if r.IntN(20) == 0 {
					k[0] = manyCells - 10 + r.Uint32N(20)
				}
				had, ok := want[k]
				if !ok {
					had = int32(len(want))
					want[k] = had
				}
				got := s.place(k[0], k[1], k[2])
				if x := &s.all[got]; got != had || x.key != k[0] || x.point != k[1] || x.step != k[2] {
					t.Fatalf("turn %d: %v has place %d with %+v, want %d", turn, k, got, *x, had)
				}
			}
		}
		s.reset()
	}
}

// Addresses that were chosen to meet in a table without a secret do not.
func TestPlacesOfChosenKeysAreApart(t *testing.T) {
	var p places
	p.of(0, 0)
	seen := map[uint64]bool{}
	const n = 10_000
	for hi := range uint64(n) {
		lo := hi * 0x9e3779b97f4a7c15
		seen[p.mix(hi, lo)&(1<<20-1)] = true
	}
	if len(seen) < n*95/100 {
		t.Errorf("%d keys begin at %d slots", n, len(seen))
	}
}
