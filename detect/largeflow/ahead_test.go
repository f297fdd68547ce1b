package largeflow

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
)

// Samples counted together are counted as if one by one: also where they are of
// one flow, or the first takes the place that the second was found in.
func TestSampleAllIsSampleOneByOne(t *testing.T) {
	for _, c := range []struct {
		name        string
		flows, keys int
	}{{"few flows", 3, 64}, {"more flows than places", 2000, 64}} {
		t.Run(c.name, func(t *testing.T) {
			th := Thresholds{All: Threshold{Share: 0.1}}
			one, all := NewTable(th, DefaultBudget, c.keys, 1), NewTable(th, DefaultBudget, c.keys, 1)
			spareOne, spareAll := make([]Record, 0, HandOver), make([]Record, 0, HandOver)
			rng := rand.New(rand.NewPCG(1, 2))
			arrival := decoder.Arrival{At: time.Unix(1_700_000_000, 0)}
			var flows [decoder.FlowsKept]decoder.Flow
			noKey, want := uint64(0), uint64(0)
			for range 3000 {
				arrival.At = arrival.At.Add(300 * time.Microsecond)
				var list []*decoder.Flow
				for i := range 1 + rng.IntN(len(flows)) {
					f := &flows[i]
					*f = decoder.Flow{Arrival: &arrival}
					f.Header.HasKey, f.FrameLength = rng.IntN(20) > 0, uint32(64+rng.IntN(1400))
					f.Header.Key.SrcPort = uint16(rng.IntN(c.flows))
					f.Est = decoder.FlowEst{SamplingRate: 10000, Vantage: decoder.Vantage{Agent: 1}, Speed: 10e9}
					list = append(list, f)
					if !f.Header.HasKey {
						want++
						continue
					}
					one.Sample(f, f.At.UnixNano())
				}
				noKey += all.SampleAll(list)
				if rng.IntN(10) == 0 {
					spareOne, spareAll = one.Take(spareOne), all.Take(spareAll)
					if diff := cmp.Diff(spareOne, spareAll); diff != "" {
						t.Fatalf("records (-one by one +together):\n%s", diff)
					}
				}
			}
			if diff := cmp.Diff(one.Counts, all.Counts); diff != "" || noKey != want {
				t.Errorf("counts (-one by one +together):\n%s\n%d without a key, want %d", diff, noKey, want)
			}
			if c.flows > c.keys && all.Evicted == 0 {
				t.Error("nothing was evicted: the test tests too little")
			}
		})
	}
}
