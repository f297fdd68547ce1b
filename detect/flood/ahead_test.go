package flood

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/packet"
)

// Samples counted together are counted as if one by one, also where keys take
// each other's places.
func TestSampleAllIsSampleOneByOne(t *testing.T) {
	for _, c := range []struct {
		name  string
		hosts int
	}{{"few hosts", 4}, {"more hosts than places", 5000}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Hosts: 64}.WithDefaults()
			one, all := NewTable(cfg, 1), NewTable(cfg, 1)
			spareOne, spareAll := NewBatch(), NewBatch()
			rng := rand.New(rand.NewPCG(1, 2))
			arrival := decoder.Arrival{At: time.Unix(1_700_000_000, 0)}
			var flows [decoder.FlowsKept]decoder.Flow
			records := 0
			for range 800 {
				arrival.At = arrival.At.Add(300 * time.Microsecond)
				var list []*decoder.Flow
				for i := range 1 + rng.IntN(len(flows)) {
					f := &flows[i]
					*f = decoder.Flow{Arrival: &arrival}
					h := &f.Header
					h.HasKey, h.Depth, h.HasTCP, f.FrameLength = true, packet.DepthTransport, true, uint32(64+rng.IntN(100))
					n, m := rng.IntN(c.hosts), rng.IntN(c.hosts)
					h.Key = packet.Key{Proto: [2]uint8{protoTCP, protoUDP}[rng.IntN(2)], SrcPort: 53, DstPort: uint16(n)}
					h.Key.Src = [16]byte{10: 0xff, 11: 0xff, 12: 10, 14: byte(n >> 8), 15: byte(n)}
					h.Key.Dst = [16]byte{10: 0xff, 11: 0xff, 12: 10, 14: byte(m >> 8), 15: byte(m)}
					h.TCPFlags = [2]uint8{2, 16}[rng.IntN(2)]
					f.Est = decoder.FlowEst{SamplingRate: 10000, Vantage: decoder.Vantage{Agent: 1, Source: 2}, Speed: 10e9}
					list = append(list, f)
					one.Sample(f)
				}
				all.SampleAll(list)
				if rng.IntN(10) == 0 {
					spareOne, spareAll = one.Take(spareOne), all.Take(spareAll)
					records += len(spareAll.Records)
					if diff := cmp.Diff(spareOne, spareAll); diff != "" {
						t.Fatalf("hand-over (-one by one +together):\n%s", diff)
					}
				}
			}
			if diff := cmp.Diff(one.Counts, all.Counts); diff != "" || records == 0 {
				t.Errorf("%d records, counts (-one by one +together):\n%s", records, diff)
			}
			if c.hosts > 64 && all.Evicted == 0 {
				t.Error("nothing was evicted: the test tests too little")
			}
		})
	}
}
