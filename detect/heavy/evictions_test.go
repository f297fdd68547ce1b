package heavy

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestUpwardRoundsUpByLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := []uint64{0, 1, 2, 1<<24 - 1, 1 << 24, 1<<24 + 1, 1<<53 + 1, 1<<63 + 1, math.MaxUint64 - 1, math.MaxUint64}
	for range 10000 {
		values = append(values, r.Uint64()>>r.IntN(64))
	}
	for _, v := range values {
		got := upwardOf(v).whole()
		if got < v || float64(got) > float64(v)*(1+1.0/(1<<23)) {
			t.Errorf("%d rounds to %d", v, got)
		}
		if v < 1<<24 && got != v {
			t.Errorf("%d rounds to %d, want it exact", v, got)
		}
	}
}

func TestPackKeepsSamplesAndSpread(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 10000 {
		n := 1 + r.IntN(2000)
		var w uint64
		var sq float64
		for range n {
			v := uint64(1+r.IntN(1500)) << r.IntN(20)
			w += v
			sq += float64(v) * float64(v)
		}
		gotN, gotSq := unpack(pack(uint32(n), float32(sq), w), w)
		if gotN != uint32(n) || math.Abs(float64(gotSq)/sq-1) > 0.003 {
			t.Fatalf("%d samples of squares %g became %d of %g", n, sq, gotN, gotSq)
		}
	}
	if n, sq := unpack(pack(0, 0, 0), 0); n != 0 || sq != 0 {
		t.Errorf("nothing became %d samples of squares %g", n, sq)
	}
	if n, _ := unpack(pack(1<<31, 1e20, 1<<40), 1<<40); n != packSamples {
		t.Errorf("samples beyond the field became %d, want the greatest", n)
	}
}
