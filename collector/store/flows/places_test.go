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
