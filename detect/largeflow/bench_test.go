package largeflow

import (
	"math/rand/v2"
	"testing"

	"weir/decoder"
)

// BenchmarkSample is the table alone: 16,000 places, small flows by Zipf, a
// thousand samples a second.
func BenchmarkSample(b *testing.B) {
	for _, c := range []struct {
		name string
		keys int
		gap  int64
	}{{"12000 small flows", 12000, 1e6}, {"100 large flows", 100, 1e5}, {"new keys", 1 << 30, 1e5}} {
		b.Run(c.name, func(b *testing.B) {
			tab := NewTable(Thresholds{All: Threshold{Share: 0.1}}, DefaultBudget, 16384, 1)
			rng := rand.New(rand.NewPCG(1, 2))
			zipf := rand.NewZipf(rng, 1.01, 8, uint64(c.keys-1))
			keys := make([]uint32, 1<<16)
			for i := range keys {
				keys[i] = uint32(zipf.Uint64())
				if c.keys > 1<<20 {
					keys[i] = rng.Uint32()
				}
			}
			var f decoder.Flow
			f.Header.HasKey, f.FrameLength = true, 1500
			f.Est = decoder.FlowEst{SamplingRate: 10000, Vantage: decoder.Vantage{Agent: 1}, Speed: 10e9}
			spare := make([]Record, 0, HandOver)
			at, i := base, 0
			b.ReportAllocs()
			for b.Loop() {
				k := keys[i&0xffff]
				f.Header.Key.SrcPort, f.Header.Key.DstPort = uint16(k), uint16(k>>16)
				if c.keys > 1<<20 {
					f.Header.Key.Src[3] = byte(i >> 16)
				}
				at += c.gap
				tab.Sample(&f, at)
				if i++; i%1000 == 0 {
					spare = tab.Take(spare)
				}
			}
		})
	}
}
