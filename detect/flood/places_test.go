package flood

import (
	"math/rand/v2"
	"testing"
)

// The filter hides no key that is hot, whatever came and went, and forgets
// those that have cooled down when it is made anew.
func TestFilterHidesNoHotKey(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := newPlaces(512)
	known := make([]uint64, 2000)
	for i := range known {
		known[i] = rng.Uint64()
	}
	at := int64(1e18)
	for step := range 100_000 {
		h := known[rng.IntN(1+rng.IntN(len(known)))]
		at += rng.Int64N(2e7)
		if i := p.find(h); i < 0 {
			p.admit(h, 0.05, at)
		} else {
			p.add(i, 0.05, at)
		}
		if step%1000 == 0 {
			p.sieve()
		}
		h = known[rng.IntN(len(known))]
		want := p.find(h)
		if want >= 0 && !p.isHot(want) {
			want = -1
		}
		if got := p.findHot(h); got != want {
			t.Fatalf("step %d: place %d, want %d", step, got, want)
		}
	}
	if p.hot == 0 {
		t.Fatal("no key was hot")
	}
	for b := range p.hotSet {
		for i := range ways {
			p.setHot(b*ways+i, false)
		}
	}
	p.sieve()
	if p.filter != (filter{}) {
		t.Error("the filter holds keys though none is hot")
	}
}
